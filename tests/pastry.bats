# What Pastry must show: facts of the mini overlay, figures, real nodes.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    pastry=$PWD/${BIN:-bin}/pastry
    case ${BIN:-bin} in /*) pastry=$BIN/pastry ;; esac
    scn=$PWD/labs/pastry/mini.scn
    load golden
    declare -gA pid command
}

teardown() {
    for name in "${!pid[@]}"; do
        kill -9 "${pid[$name]}" 2>/dev/null || true
    done
}

@test "pastry: leaf sets, slots and owners of the mini overlay" {
    [ "$("$pastry" show "$scn" leafset n070d)" = "neca5 nfcda n0e72 n1617" ]
    [ "$("$pastry" show "$scn" leafset n787c)" = "n40c9 n779d n9317 na301" ]
    [ "$("$pastry" show "$scn" cell n070d 1 14)" = n0e72 ]
    [ "$("$pastry" show "$scn" cell n070d 0 6)" = none ]
    [ "$("$pastry" show "$scn" owner 0000)" = nfcda ] # backwards
    [ "$("$pastry" show "$scn" owner 6464)" = n779d ]
    [ "$("$pastry" show "$scn" rule n070d 6464)" = rare ]
    "$pastry" show "$scn" invariants
}

@test "pastry: each hop of the lecture's lookup shares one digit more" {
    scn=labs/pastry/lecture.scn
    [ "$("$pastry" show "$scn" path n0100 1332)" = "n0100 n1203 n1303 n1330 n1332" ]
    [ "$("$pastry" show "$scn" rule n1303 1332)" = row ]
    # Backwards, to an id that shares nothing: nearest is what counts.
    [ "$("$pastry" show "$scn" path n1010 2013)" = "n1010 n2302 n2123 n1332" ]
    [ "$("$pastry" show "$scn" shared n1332 2013)" = 0 ]
    [ "$("$pastry" show "$scn" rule n2123 2013)" = leaf ]
}

@test "pastry: every example of a fact works" {
    scn=labs/pastry/lecture.scn
    "$pastry" show --help | grep -o '([a-z-]* *[^)]*)' | tr -d '()' |
        sort -u | while read -r fact; do
        # shellcheck disable=SC2086
        "$pastry" show "$scn" $fact >/dev/null || { echo "fails: $fact"; exit 1; }
    done
}

@test "pastry: the screens of a lookup, of distances, of many nodes" {
    shot() { "$pastry" monitor "${@:2}" | golden "pastry-$1.screen"; }
    shot open-80x24 --dump 80x24
    shot lookup-80x24 --dump 80x24 --keys ">>>>>"
    shot lookup-160x48 --dump 160x48 --keys ">>>>>2"
    shot distances-80x24 --dump 80x24 --keys ">>>>>v"
    shot many-80x24 labs/pastry/n1000.scn --at 0s --dump 80x24
    shot crowd-80x24 labs/pastry/n1000.scn --at 0s --dump 80x24 --keys vv
}

@test "pastry: a newcomer changes the four leaf sets that the reference names" {
    join=labs/pastry/join.scn
    [ "$("$pastry" show $join leafset ne55c)" = "nba54 nd120 ne9df neca5" ]
    [ "$("$pastry" show $join leaf-of ne55c)" = "nba54 nd120 ne9df neca5" ]
    [ "$("$pastry" show $join leafset ne9df)" = "nd120 ne55c neca5 nfcda" ]
    [ "$("$pastry" show $join cell ne9df 1 5)" = ne55c ]
    [ "$("$pastry" show $join cell neca5 1 5)" = ne55c ]
}

@test "pastry: a newcomer hears from each node on its way, the last one's leaves too" {
    # pastry.md 9: by way of 070d, eca5, e9df; or e9df is the end itself.
    for first in n070d ne9df; do
        sed "s/join=n070d/join=$first/" labs/pastry/join.scn >"$BATS_TEST_TMPDIR/$first.scn"
        sed -i "s|include |include $PWD/|" "$BATS_TEST_TMPDIR/$first.scn"
        "$pastry" sim "$BATS_TEST_TMPDIR/$first.scn" --json |
            sed -n 's/.*"kind":"message".*"from":"\([^"]*\)".*"message":"STATE".*"part":"\(join\|last\)".*/\1 \2/p' |
            tr '\n' ' '
    done >"$BATS_TEST_TMPDIR/states"
    cat "$BATS_TEST_TMPDIR/states"
    [ "$(cat "$BATS_TEST_TMPDIR/states")" = "n070d join neca5 join ne9df last ne9df last " ]
}

@test "pastry: |L|/2 - 1 neighbours die at once, and every key finds its owner" {
    {
        printf 'set digits 4\nset leafset 16\n'
        for i in {0..63}; do printf 'node n%d id=%04x\n' "$i" $((i * 1024)); done
        echo warm
        for i in {20..26}; do echo "at 1s crash n$i"; done
        for i in 0 10 19 27 30 40 63; do
            echo "at 1s expect n$i lookup 5200 owner=n19" # n20's
            echo "at 1s expect n$i lookup 6800 owner=n27" # n26's
        done
        echo "run until 30s"
    } >"$BATS_TEST_TMPDIR/seven.scn"
    "$pastry" sim "$BATS_TEST_TMPDIR/seven.scn" --quiet
}

@test "pastry: leaf sets are repaired after a silent death" {
    crash=labs/pastry/crash.scn
    [ "$("$pastry" show $crash leafset n779d)" = "n30ba n40c9 n787c na301" ]
    [ "$("$pastry" show $crash leafset n787c)" = "n40c9 n779d na301 nb1be" ]
    [ "$("$pastry" show $crash leafset na301)" = "n779d n787c nb1be nba54" ]
    [ "$("$pastry" show $crash leafset nb1be)" = "n787c na301 nba54 nd120" ]
    [ -z "$("$pastry" show $crash leaf-of n9317)" ]
}

@test "pastry: after two adjacent deaths the three nearest have the value, nobody else" {
    for seed in 1 2 3; do
        {
            printf 'seed %d\nset base 4\nset digits 4\nset leafset 4\n' $seed
            printf 'nodes 28 prefix=n\nwarm\nat 6s n1 put 3213 "round"\nrun until 9s\n'
        } >"$BATS_TEST_TMPDIR/ring.scn"
        cd "$BATS_TEST_TMPDIR"
        read -ra nearest <<<"$("$pastry" show ring.scn copies 3213)"
        [ "${#nearest[@]}" -eq 3 ]
        owner=$("$pastry" show ring.scn owner 3213)
        next=$("$pastry" show ring.scn larger "$owner" 1)
        {
            sed '/^run/d' ring.scn
            printf 'at 9s vanish %s\nat 9s vanish %s\nrun until 60s\n' "$owner" "$next"
        } >two.scn
        # Leaf sets of half their size had taken others for the nearest.
        read -ra holders <<<"$("$pastry" show two.scn copies 3213)"
        echo "seed $seed: ${nearest[*]}; then ${holders[*]}"
        [ "${#holders[@]}" -eq 3 ]
        [[ " ${holders[*]} " = *" $("$pastry" show two.scn owner 3213) "* ]]
    done
}

@test "pastry: ten of a hundred vanish, then half of them; all is repaired" {
    run "$pastry" sim labs/pastry/grow.scn --quiet
    [ "$status" -eq 0 ]
    {
        sed '/^run/,$d' labs/pastry/grow.scn
        for i in $(seq 2 2 100); do echo "at 120s vanish p$i"; done
        echo "run until quiet"
        echo "after 1ms expect invariants"
        echo "after 1ms p1 lookup chord.ogg"
    } >"$BATS_TEST_TMPDIR/half.scn"
    run "$pastry" sim "$BATS_TEST_TMPDIR/half.scn" --quiet
    echo "$output"
    [ "$status" -eq 0 ]
}

# band FIGURE OPTION... -- COLUMN KEY=VALUE...: where COLUMN of a row is KEY,
# $value (the next column, if it is not set) is VALUE, up to +-$off.
band() {
    local csv figure=()
    while [ "$1" != -- ]; do figure+=("$1") && shift; done
    csv=$("$pastry" figure "${figure[@]}" --seeds 1)
    echo "$csv"
    awk -F, -v off="$off" -v column="$2" -v value="${value:-$(($2 + 1))}" \
        -v wanted="${*:3}" '
        BEGIN { rows = split(wanted, part, " ")
                for (i in part) { split(part[i], kv, "="); want[kv[1]] = kv[2] } }
        NR > 1 && $column in want { n++; d = $value - want[$column]
            if (d > off || d < -off) { print "out of band: " $0; bad = 1 } }
        END { exit bad || n != rows }' <<<"$csv"
}

@test "pastry: a node keeps no more than the paper's 15 ceil(log16 N) entries" {
    for i in {1..20}; do
        [ "$("$pastry" show labs/pastry/n1000.scn entries "p$i")" -le 45 ]
    done
}

@test "pastry: the rare case comes and goes with log16 N; no way has over 5 hops" {
    off=8 value=5 band hops --nodes 1000,5000,10000,20000 -- 1 \
        1000=9 5000=94 10000=54 20000=9
    off=1 value=4 band hops --nodes 1000,10000,20000 -- 1 1000=4 10000=4 20000=4
}

@test "pastry: hops are those of the paper's figures 4 and 5" {
    off=0.03 value=3 band hops -- 1 1000=2.46 2000=2.68 5000=2.94 10000=3.21 \
        20000=3.49 50000=3.74 100000=3.96
    off=0.03 band hop-pdf -- 2 0=0 1=.0006 2=.0156 3=.1643 4=.6449 5=.1745 6=0
}

@test "pastry: a way is 1.28 to 1.45 times the direct one, early hops short" {
    off=0.085 band distance --nodes 1000,2000,5000,10000,20000 -- 1 \
        1000=1.365 2000=1.365 5000=1.365 10000=1.365 20000=1.365
    off=25 band hop-lengths -- 2 1=26 2=129 3=435 4=520
}

@test "pastry: fewer hops in a larger base, and with more leaves" {
    off=0.05 band base -- 2 4=4.54 16=3.21
    off=0.05 band base --nodes 1024 --points 2 -- 2 2=4.04
    off=0.03 band leaf-set -- 2 8=3.05 16=2.94 24=2.86 32=2.81 64=2.70
}

@test "pastry: a tenth vanishes; no leaf is missing after repair, hops are as before" {
    "$pastry" figure failures --nodes 500 | awk -F, '
        { hops[$2] = $3; missing[$2] = $4 }
        END { exit !(missing[0] == 0 && missing[1] > 500 && missing[2] == 0 &&
                     hops[2] < hops[0] + 0.05 && hops[1] > hops[0]) }'
}

@test "pastry: every order of events of a tiny network" {
    run timeout 300 "$pastry" check
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "pastry: tshark decodes every message as describe does" {
    command -v tshark >/dev/null || skip "no tshark"
    cd "$BATS_TEST_TMPDIR"
    (cd "$BATS_TEST_DIRNAME/.." && "$pastry" sim labs/pastry/join.scn \
        --quiet --trace "$BATS_TEST_TMPDIR/t.pcapng")
    lua=$BATS_TEST_DIRNAME/../labs/wireshark/pastry.lua
    tshark -X "lua_script:$lua" -r t.pcapng -Y pastry -T fields \
        -e pastry.key -e pastry.sender -e pastry.undecoded >fields
    [ "$(wc -l <fields)" -gt 500 ]
    [ "$(cut -f3 fields | sort -u)" = "" ] # nothing is left over
    grep -q '^e550' fields                 # digits, as we print them
    cut -f2 fields | sort -u | grep -qx e55c
    # Type by type, as many as describe names.
    tshark -X "lua_script:$lua" -r t.pcapng -Y pastry -T fields \
        -e _ws.col.Info | cut -d' ' -f1 | sort | uniq -c >tshark
    "$pastry" trace t.pcapng --json |
        sed -n 's/.*"kind":"message".*"message":"\([A-Z]*\)".*/\1/p' |
        sort | uniq -c >ours
    diff ours tshark
}

# Start a process NAME with arguments; its standard input is a pipe.
start() {
    local name=$1
    shift
    mkfifo "$name.in"
    "$pastry" node --name "$name" "$@" <"$name.in" >"$name.out" 2>&1 3>&- &
    pid[$name]=$!
    exec {command[$name]}>"$name.in"
    for _ in $(seq 100); do
        grep -q listening "$name.out" && return
        sleep 0.05
    done
    return 1
}

# Say a command to NAME until its result has WANTED: tables need time.
tell() {
    local name=$1 wanted=$2
    shift 2
    for _ in $(seq 60); do
        echo "$*" >&"${command[$name]}"
        sleep 0.25
        grep " $* at " "$name.out" | tail -1 | grep -q "$wanted" && return
    done
    echo "$name: $*: never $wanted"
    tail -3 "$name.out"
    return 1
}

@test "pastry: eight processes, two killed: lookups and values survive" {
    cd "$BATS_TEST_TMPDIR"
    local first ids=(0000 2000 4000 6000 8000 a000 c000 e000)
    local set=(--set digits=4 --set repair=500ms)
    start n0 --listen 127.0.0.1:0 "${set[@]}" --set id=0000
    first=$(sed -n '1s/^listening on \([0-9.:]*\).*/\1/p' n0.out)
    for i in 1 2 3 4 5 6 7; do
        start "n$i" --listen 127.0.0.1:0 --join "$first" "${set[@]}" \
            --set "id=${ids[$i]}"
    done
    for i in 0 3 7; do
        tell "n$i" "(a000)" lookup 9fff
    done
    tell n1 "owner" put 9fff round and round # at a000, 8000, c000
    tell n6 "round and round" get 9fff
    # The owner and its nearest copy die.
    kill -9 "${pid[n5]}" "${pid[n4]}"
    for i in 0 1 2 3 6 7; do
        tell "n$i" "round and round" get 9fff
        tell "n$i" "(c000)" lookup 9fff
    done
    # A flood of lies: the others go on meanwhile, memory stays small.
    python3 "$BATS_TEST_DIRNAME/flood.py" "${first#*:}" 4 PSTR 3>&- &
    for i in 1 2 3 6 7; do
        tell "n$i" "round and round" get 9fff
    done
    wait $!
    for i in 0 1 2 3 6 7; do
        [[ $BIN = *asan* ]] || awk '/VmHWM/ { exit !($2 < 16384) }' "/proc/${pid[n$i]}/status"
    done
    tell n0 "round and round" get 9fff
    # The same in the simulator: the same owners.
    {
        echo "set digits 4"
        for i in 0 1 2 3 4 5 6 7; do
            echo "node n$i id=${ids[$i]}$([ "$i" = 0 ] || echo " join=n0")"
        done
        echo "at 20s expect n0 lookup 9fff owner=n5"
        echo "at 30s crash n5"
        echo "at 30s crash n4"
        echo "at 50s expect n0 lookup 9fff owner=n6"
        echo "run until 60s"
    } >same.scn
    "$pastry" sim same.scn --quiet
    kill -TERM "${pid[n1]}"
    wait "${pid[n1]}"
    kill -INT "${pid[n2]}"
    status=0
    wait "${pid[n2]}" || status=$?
    [ "$status" -eq 130 ]
}
