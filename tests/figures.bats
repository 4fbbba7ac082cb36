# The figures at small sizes and with few seeds, against the bands that the
# papers' curves and theory give.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    chord=$PWD/${BIN:-bin}/chord
    case ${BIN:-bin} in /*) chord=$BIN/chord ;; esac
}

# Are there so many rows of CSV on standard input, and do all obey an awk
# condition?
rows() {
    awk -F, -v least="$1" '
        NR == 1 { next }
        { n++ } '"$2"' { next } { print "out of band: " $0; bad = 1 }
        END { exit bad || n < least }'
}

@test "figures: without a name, each figure is listed with its source" {
    run $chord figure
    [ "$status" -eq 0 ]
    for name in load virtual-nodes path-length path-pdf mass-failure churn; do
        [[ "$output" == *"  $name "*"SIGCOMM 2001"* ]]
    done
}

@test "figures: wrong names, numbers and settings are refused at once" {
    run $chord figure path-lenght
    [ "$status" -eq 2 ]
    [ "$output" = "chord: unknown figure 'path-lenght'; did you mean 'path-length'?" ]
    for bad in "--nodes 1" "--nodes 8,,16" "--nodes 9999999" "--seeds 0" \
        "--points 3" "--set stabilise=3s" "--jobs 1000"; do
        run $chord figure path-length $bad
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "figures: path length is (log2 N) / 2 - 0.14 forwards" {
    run $chord figure path-length --nodes 64,512,4096 --seeds 1
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "nodes,lookups,mean,p1,p99" ]
    rows 3 '{ k = log($1) / log(2); d = $3 - (k / 2 - 0.14) }
        d > -0.06 && d < 0.06' <<<"$output"
    rows 3 '$1 != 4096 || ($4 == 2 && $5 == 10)' <<<"$output"
}

@test "figures: the numbers of forwards are spread like a bell around 6" {
    run $chord figure path-pdf --seeds 1
    [ "$status" -eq 0 ]
    expected=(.0002 .0031 .0166 .0576 .1289 .2056 .2342 .1911 .1094 .0418
        .0102 .0013 .0001)
    for i in "${!expected[@]}"; do
        rows 13 "\$2 != $i || (\$3 - ${expected[i]})^2 < .01^2" <<<"$output"
    done
}

@test "figures: the 99th percentile of keys a node is 4.6 times the mean" {
    run $chord figure load --points 10,100 --seeds 2
    [ "$status" -eq 0 ]
    rows 2 '$5 / $3 > 4.4 && $5 / $3 < 5 && $4 <= 1 && $6 / $3 > 8 &&
        $6 / $3 < 13 && $7 > 80' <<<"$output"
}

@test "figures: virtual nodes spread the load" {
    run $chord figure virtual-nodes --nodes 3000 --points 1,5,20 --seeds 1
    [ "$status" -eq 0 ]
    rows 3 '{ low = 0; high = 4.64; room = .4 }
        $2 == 5 { low = .24; high = 2.36; room = .12 }
        $2 == 20 { low = .51; high = 1.65; room = .12 }
        ($5 / $4 - low)^2 < .07^2 && ($6 / $4 - high)^2 < room^2' <<<"$output"
}

@test "figures: after a mass failure only the keys of the dead are lost" {
    run $chord figure mass-failure --nodes 1000 --points 0,0.2,0.5 --seeds 2
    [ "$status" -eq 0 ]
    rows 3 '($4 - $2)^2 < .03^2 && $5 == 0 && $6 == 0' <<<"$output"
}

@test "figures: under churn about two lookups in a hundred fail" {
    run $chord figure churn --points 0.1 --seeds 1
    [ "$status" -eq 0 ]
    rows 1 '$4 > 1.4 && $4 < 6 && $7 > 4 && $7 < 4.7' <<<"$output"
}

@test "figures: the same bytes with one process as with three" {
    run $chord figure path-length --nodes 8,64 --seeds 4 --jobs 1
    [ "$status" -eq 0 ]
    one=$output
    run $chord figure path-length --nodes 8,64 --seeds 4 --jobs 3
    [ "$output" = "$one" ]
}

@test "figures: --plot draws the rows in 78 columns and 20 lines" {
    run $chord figure path-length --nodes 8,64,512 --seeds 1 --plot
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 20 ]
    [ "$(awk 'length > 78' <<<"$output")" = "" ]
    [[ "${lines[19]}" == *"x nodes (logarithmic)"*"* mean"* ]]
}

@test "figures: Ctrl-C ends all runs" {
    set -m # so that the signal is not ignored in the background
    $chord figure churn --seeds 4 >"$BATS_TEST_TMPDIR/csv" &
    pid=$!
    sleep 0.5
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    ! pgrep -P $pid || false
}

@test "figures: gnuplot draws each figure from its CSV" {
    command -v gnuplot >/dev/null || skip "no gnuplot"
    for name in load virtual-nodes path-length path-pdf mass-failure churn; do
        csv=$BATS_TEST_TMPDIR/$name.csv
        case $name in
        churn) printf '%s\n' nodes,rate,lookups,bad,dead,wrong,forwards \
            500,0.01,7200,0.2,0.15,0.05,4.3 500,0.1,7200,2,1.5,0.5,4.3 >$csv ;;
        path-*) $chord figure $name --nodes 8,64 --seeds 1 >$csv ;;
        *) $chord figure $name --nodes 100 --seeds 1 >$csv ;;
        esac
        run gnuplot -e "csv='$csv'" labs/figures/$name.gp
        [ "$status" -eq 0 ]
        [[ "$output" == *"<svg"*"</svg>"* ]]
        [[ "$output" != *warning* ]]
    done
}
