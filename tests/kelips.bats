# What Kelips must show: facts of the lecture's groups, figures, real nodes.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    kelips=$PWD/${BIN:-bin}/kelips
    case ${BIN:-bin} in /*) kelips=$BIN/kelips ;; esac
    scn=$PWD/labs/kelips/lecture.scn
    load golden
    declare -gA pid command
}

teardown() {
    for name in "${!pid[@]}"; do
        kill -9 "${pid[$name]}" 2>/dev/null || true
    done
}

@test "kelips: a node's group is its id modulo k, and a lookup asks it once" {
    [ "$("$kelips" show "$scn" sizes)" = "4 4 4 4" ]
    [ "$("$kelips" show "$scn" members 1)" = "n1 n5 n9 n13" ]
    [ "$("$kelips" show "$scn" file-group chord.ogg)" = 1 ]
    [ "$("$kelips" show "$scn" path n7 chord.ogg)" = "n7 n13 n10" ]
    [ "$("$kelips" show "$scn" owner chord.ogg)" = n10 ]
    [ "$("$kelips" show "$scn" cost n7 lookup chord.ogg)" = 2 ]
    [ "$("$kelips" show "$scn" invariants | tail -c 4)" = yes ]
}

@test "kelips: every example of a fact works" {
    "$kelips" show --help | grep -o '([a-z-]* *[^)]*)' | tr -d '()' |
        sort -u | sed 's/p2p.txt/chord.ogg/; s/n5 chord/n7 chord/' | while read -r fact; do
        # shellcheck disable=SC2086
        "$kelips" show "$scn" $fact >/dev/null || { echo "fails: $fact"; exit 1; }
    done
}

@test "kelips: the screens of a lookup" {
    "$kelips" monitor --dump 80x24 --keys ">>" | golden kelips-lookup-80x24.screen
    "$kelips" monitor --dump 160x48 --keys ">>2" | golden kelips-lookup-160x48.screen
    "$kelips" monitor --dump 80x24 --keys "v" | golden kelips-knowledge-80x24.screen
    "$kelips" monitor labs/kelips/n1000.scn --at 0s --dump 80x24 |
        golden kelips-many-80x24.screen
}

@test "kelips: 1.93 MB by the paper's formula, and less as we keep it" {
    run "$kelips" figure memory
    [[ "${lines[3]}" = 100000,10000000,317,32177.2,1930632,* ]]
    [ "${lines[3]##*,}" -lt 1930632 ]
}

@test "kelips: a node's gossip is 816 bytes a second, however many there are" {
    "$kelips" figure gossip-load --nodes 100,1000 | awk -F, '
        NR > 1 && ($4 < 800 || $4 > 832 || $3 > 272) { bad = 1 }
        END { exit bad || NR != 3 }'
}

@test "kelips: half of all nodes die, and are forgotten after expiry" {
    "$kelips" figure mass-failure --nodes 500 | awk -F, '
        $2 == 0 && $4 < 5 { bad = 1 }     # they are listed at first
        $2 == 31 && $4 > 0.01 { bad = 1 } # expiry, and three rounds
        $2 == 56 && ($5 > 0 || $3 < 0.999) { bad = 1 }
        END { exit bad || NR != 10 }'
}

@test "kelips: lookups among the dead succeed as the formula says" {
    "$kelips" figure lookup-success | awk -F, '
        function off(a, b) { return a > b + 0.03 || b > a + 0.03 }
        NR > 1 && (off($3, $4) || off($5, $6)) { bad = 1 }
        END { exit bad || NR != 9 }'
}

@test "kelips: check goes to its depth without a violation" {
    run "$kelips" check --set contacts=1
    [ "$status" -eq 0 ]
    [[ "$output" = *"no violation in"* ]]
}

# -- Real nodes: separate processes on loopback ------------------------------

# start NAME ARGUMENT...: a node; its files are NAME.in, .out and .err.
start() {
    local name=$1 fd
    shift
    mkfifo "$name.in"
    "$kelips" node --set period=300ms "$@" <"$name.in" >"$name.out" \
        2>"$name.err" 3>&- &
    pid[$name]=$!
    exec {fd}>"$name.in"
    command[$name]=$fd
    for _ in $(seq 200); do
        grep -q listening "$name.out" && return
        sleep 0.05
    done
    cat "$name.err"
    return 1
}

# tell NAME COMMAND: its result contains WANTED, asked again for a while.
tell() {
    local name=$1 wanted=$2
    shift 2
    for _ in $(seq 40); do
        echo "$*" >&"${command[$name]}"
        sleep 0.25
        grep -A 1 " $* at " "$name.out" | tail -2 | grep -q "$wanted" && return
    done
    echo "$name: $*: never $wanted"
    tail -3 "$name.out"
    return 1
}

@test "kelips: eight processes, two killed, and what was inserted is found" {
    cd "$BATS_TEST_TMPDIR"
    start n0 --listen 127.0.0.1:0 --set id=0
    local first
    first=$(sed -n '1s/^listening on \([0-9.:]*\).*/\1/p' n0.out)
    for i in 1 2 3 4 5 6 7; do
        start "n$i" --listen 127.0.0.1:0 --join "$first" --set "id=$i"
    done
    tell n1 "owner 127" insert song.ogg round and round
    tell n2 "owner 127" insert other.ogg and again
    for i in 0 3 4 5 6 7; do
        tell "n$i" "round and round" get song.ogg
    done
    # Groups 2 and 3 lose one of their two members each.
    kill -9 "${pid[n6]}" "${pid[n7]}"
    for i in 0 3 4 5; do
        tell "n$i" "round and round" get song.ogg
        tell "n$i" "and again" get other.ogg
    done
    # Garbage does no harm.
    for _ in $(seq 200); do
        head -c 60 /dev/urandom >"/dev/udp/${first%:*}/${first#*:}"
        printf 'KLPS\001\003\000\004%0200d' 0 >"/dev/udp/${first%:*}/${first#*:}"
    done
    tell n0 "round and round" get song.ogg
    # The same in the simulator: the same owners.
    {
        for i in 0 1 2 3 4 5 6 7; do
            echo "node n$i id=$i$([ "$i" = 0 ] || echo " join=n0")"
        done
        echo "at 20s n1 insert song.ogg round and round"
        echo "at 21s n2 insert other.ogg and again"
        echo "at 25s expect n5 get song.ogg owner=n1"
        echo "at 30s crash n6"
        echo "at 30s crash n7"
        for i in 0 3 4 5; do
            echo "at 60s expect n$i get song.ogg owner=n1"
            echo "at 60s expect n$i get other.ogg owner=n2"
        done
        echo "run until 70s"
    } >same.scn
    "$kelips" sim same.scn --quiet
    port=$(sed -n '1s/^listening on [0-9.]*:\([0-9]*\).*/\1/p' n1.out)
    tell n5 "owner 127.0.0.1:$port" get song.ogg
    # A polite leave, and Ctrl-C.
    kill -TERM "${pid[n1]}"
    wait "${pid[n1]}"
    kill -INT "${pid[n2]}"
    status=0
    wait "${pid[n2]}" || status=$?
    [ "$status" -eq 130 ]
}
