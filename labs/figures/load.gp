# Keys a node, by the number of keys: Chord (SIGCOMM 2001), figure 8.
#   bin/chord figure load > load.csv
#   gnuplot labs/figures/load.gp > load.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'load.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key left top
set grid
set title 'Chord: keys a node (1st and 99th percentile)'
set xlabel 'keys in the system'
set ylabel 'keys a node'
set format x '%.0f'
plot csv using 'keys':'mean':'p1':'p99' with yerrorlines pt 7 ps 0.5 \
    title 'mean, p1 to p99'
