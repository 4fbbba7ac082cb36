# Keys a node, by virtual nodes: Chord (SIGCOMM 2001), figure 9.
#   bin/chord figure virtual-nodes > virtual-nodes.csv
#   gnuplot labs/figures/virtual-nodes.gp > virtual-nodes.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'virtual-nodes.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key right top
set grid
set title 'Chord: keys a node when each hosts several ring members'
set xlabel 'virtual nodes a node'
set ylabel 'keys a node'
set yrange [0:*]
plot csv using 'vnodes':'mean':'p1':'p99' with yerrorlines pt 7 ps 0.5 \
    title 'mean, p1 to p99'
