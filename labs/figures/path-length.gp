# Path length, by the number of nodes: Chord (SIGCOMM 2001), figure 10a.
#   bin/chord figure path-length > path-length.csv
#   gnuplot labs/figures/path-length.gp > path-length.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'path-length.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key left top
set grid
set title 'Chord: path length'
set xlabel 'nodes'
set ylabel "forwards until the key's predecessor"
set logscale x 2
set yrange [0:*]
plot csv using 'nodes':'mean':'p1':'p99' with yerrorlines pt 7 ps 0.5 \
        title 'mean, p1 to p99', \
    log(x)/log(2)/2 with lines dashtype 2 title '(log2 N) / 2'
