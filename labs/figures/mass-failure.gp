# Keys lost when many nodes die: Chord (SIGCOMM 2001), figure 11.
#   bin/chord figure mass-failure > mass-failure.csv
#   gnuplot labs/figures/mass-failure.gp > mass-failure.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'mass-failure.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key left top
set grid
set title 'Chord: lookups that find another owner after a mass failure'
set xlabel 'fraction of nodes that died'
set ylabel 'fraction of keys whose owner died'
plot csv using 'failed':'lost' with linespoints pt 7 ps 0.5 title 'measured', \
    x with lines dashtype 2 title 'as many as died'
