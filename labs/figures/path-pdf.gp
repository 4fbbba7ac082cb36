# How often each path length comes: Chord (SIGCOMM 2001), figure 10b.
#   bin/chord figure path-pdf > path-pdf.csv
#   gnuplot labs/figures/path-pdf.gp > path-pdf.svg
# Another file: gnuplot -e "csv='other.csv'" ...
if (!exists("csv")) csv = 'path-pdf.csv'
set datafile separator ','
set terminal svg size 640,420 dynamic background rgb 'white'
set key right top
set grid
set title 'Chord: path length in one ring'
set xlabel "forwards until the key's predecessor"
set ylabel 'fraction of lookups'
plot csv using 'forwards':'fraction' with linespoints pt 7 ps 0.5 \
    title 'measured'
