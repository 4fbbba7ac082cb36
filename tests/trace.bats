# Traces: recorded runs, printed, filtered, merged, and read by tshark.

bin=$(realpath "${BIN:-bin}")

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    lecture=$BATS_TEST_DIRNAME/../labs/chord/lecture.scn
}

record() {
    "$bin/chord" sim "$lecture" --until 10s --quiet --trace ring.pcapng "$@"
}

@test "trace: a recorded run prints as the run did" {
    for name in lecture join40 leave lossy partition vnodes; do
        "$bin/chord" sim "${lecture%lecture.scn}$name.scn" --json \
            --trace ring.pcapng >run
        "$bin/chord" trace ring.pcapng --json >replay
        grep -v '"kind":"summary"' run >run.lines
        grep -v '"kind":"summary"' replay | diff run.lines -
        [ "$(wc -l <run.lines)" -gt 100 ]
    done
}

@test "trace: a filter lets through what it says, to the screen and to --out" {
    record
    run "$bin/chord" trace ring.pcapng --json --filter 'type=FIND_SUCC && key=42'
    [ "$status" -eq 0 ]
    "$bin/chord" trace ring.pcapng --json |
        grep '"message":"FIND_SUCC".*"key":42,' >want
    diff want <(grep '"kind":"message"' <<<"$output")
    [ "$(wc -l <want)" -ge 3 ]
    "$bin/chord" trace ring.pcapng --filter 'kind=message' --out m.pcapng --quiet
    "$bin/chord" trace ring.pcapng --json --filter 'kind=message' >want
    "$bin/chord" trace m.pcapng --json | diff want -
}

@test "trace: wrong filters and files end in one line and status 2" {
    record
    for filter in 'type=' 'state.succ changed' '(' 'hop>2'; do
        run "$bin/chord" trace ring.pcapng --filter "$filter"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "chord: --filter: "* ]]
    done
    run "$bin/chord" trace "$lecture"
    [ "$status" -eq 2 ]
    [[ $output == "chord: "*"at byte 0: expected"* ]]
    run "$bin/chord" trace nothing.pcapng
    [ "$status" -eq 2 ]
    run "$bin/chord" trace
    [ "$status" -eq 2 ]
}

@test "trace: a file whose end is missing gives what is there" {
    record
    head -c 5001 ring.pcapng >cut.pcapng
    "$bin/chord" trace ring.pcapng --json --filter kind=message >whole
    run "$bin/chord" trace cut.pcapng --json --filter kind=message
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -gt 10 ]
    sed '$d' <<<"$output" | diff - <(head -n $((${#lines[@]} - 1)) whole)
}

@test "trace: tshark reads it without errors or bad checksums" {
    command -v tshark >/dev/null || skip "tshark is missing"
    record
    tshark -r ring.pcapng -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -T fields -e frame.interface_name -e ip.checksum.status \
        -e udp.checksum.status -e _ws.malformed >out 2>err
    ! grep -iE 'error|cut short|corrupt' err || false
    [ "$(wc -l <out)" -gt 50 ]
    # 1 is "good"; no packet may say anything else.
    [ "$(cut -f 2-3 out | sort -u)" = "1"$'\t'"1" ]
    [ "$(cut -f 1 out | sort -u)" = wire ]
    tshark -r ring.pcapng -N n -T fields -e ip.src_host 2>/dev/null | grep -qx n80
    tshark -r ring.pcapng -T fields -e frame.comment 2>/dev/null |
        grep -q 'note=42 is mine'
}

@test "trace: tshark follows a stream from its SYN to its FINs" {
    command -v tshark >/dev/null || skip "tshark is missing"
    cat >intro.scn <<END
set bits 7
node intro introducer
node a join=intro
after 1s node b join=intro
run until 5s
END
    "$bin/chord" sim intro.scn --quiet --trace intro.pcapng
    tshark -r intro.pcapng -o tcp.check_checksum:TRUE -Y tcp -T fields \
        -e tcp.stream -e tcp.flags.str -e tcp.checksum.status \
        -e tcp.analysis.flags -e tcp.seq -e tcp.ack -e tcp.len 2>/dev/null >out
    [ "$(cut -f 3 out | sort -u)" = 1 ] # good
    [ -z "$(cut -f 4 out | tr -d '\n')" ] # nothing lost, repeated, unseen
    for stream in 0 1; do
        flags=$(awk -v s=$stream '$1 == s { print $2 }' out |
            sed 's/[^A-Z]//g' | paste -sd ' ')
        [ "$flags" = "S AS A AP AP AF AF" ]
    done
    # On the port of HTTP, Wireshark reads the request in it.
    tshark -r intro.pcapng -d tcp.port==7000,http -Y http.request -T fields \
        -e http.request.uri 2>/dev/null | grep -q '^/join?addr=10\.'
}
