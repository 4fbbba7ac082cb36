# Failed lookups under churn: Chord (SIGCOMM 2001), figure 12.
#   bin/chord figure churn > churn.csv
#   gnuplot labs/figures/churn.gp > churn.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'churn.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key left top
set grid
set title 'Chord: failed lookups under churn (30 s stabilisation, no retry)'
set xlabel 'joins a second, and failures a second'
set ylabel '% of lookups'
plot csv using 'rate':'bad' with linespoints pt 7 ps 0.5 title 'failed', \
    csv using 'rate':'wrong' with linespoints pt 6 ps 0.5 \
        title 'of these: wrong owner'
