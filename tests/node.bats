# Real nodes: separate processes on loopback sockets.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    chord=$PWD/${BIN:-bin}/chord
    case ${BIN:-bin} in /*) chord=$BIN/chord ;; esac
    cd "$BATS_TEST_TMPDIR"
    declare -gA pid command
}

teardown() {
    for name in "${!pid[@]}"; do
        kill -9 "${pid[$name]}" 2>/dev/null || true
    done
}

# start NAME ARGUMENT...: a node; its files are NAME.in, .out and .err.
start() {
    local name=$1 fd
    shift
    mkfifo "$name.in"
    $chord node --set bits=7 "$@" <"$name.in" >"$name.out" 2>"$name.err" 3>&- &
    pid[$name]=$!
    exec {fd}>"$name.in"
    command[$name]=$fd
    wait_for "$name" listening
}

# Wait until NAME has printed a line that matches.
wait_for() {
    for _ in $(seq 200); do
        grep -q "$2" "$1.out" 2>/dev/null && return
        sleep 0.05
    done
    echo "$1 never printed $2:"
    cat "$1.out" "$1.err"
    return 1
}

address() {
    sed -n '1s/^listening on \([0-9.:]*\).*/\1/p' "$1.out"
}

# The last result of COMMAND at NAME.
ask() {
    local name=$1 before now
    shift
    before=$(grep -c "  $* at " "$name.out" || true)
    echo "$*" >&"${command[$name]}"
    for _ in $(seq 200); do
        now=$(grep -c "  $* at " "$name.out" || true)
        [ "$now" -gt "$before" ] && break
        sleep 0.05
    done
    grep "  $* at " "$name.out" | tail -1
}

# Ask every node of a list until all say the same owner; that is an agreement.
agree() {
    local key=$1 owner=$2 name good
    shift 2
    for _ in $(seq 100); do
        good=yes
        for name; do
            [[ $(ask "$name" lookup "$key") == *": owner $owner,"* ]] || good=no
        done
        [ $good = yes ] && return
        sleep 0.2
    done
    for name; do ask "$name" lookup "$key"; done
    return 1
}

@test "node: seven processes are the lecture's ring, and survive kill -9" {
    exec {lock}>"/tmp/p2plab-ports.$UID"
    flock "$lock"
    start n16 --listen 127.0.0.1:7074 --trace n16.pcapng
    for pair in n32:7009 n45:7370 n80:7735 n96:7148 n112:7179; do
        start "${pair%:*}" --listen "127.0.0.1:${pair#*:}" \
            --join 127.0.0.1:7074 --trace "${pair%:*}.pcapng"
    done
    for name in n16 n32 n45 n80 n96 n112; do
        [ "$(sed -n '1s/.*, id //p' $name.out)" = "${name#n}" ]
    done
    agree 42 "127.0.0.1:7370 (45)" n16 n32 n45 n80 n96 n112
    [[ $(ask n80 put file188.txt hello) == *": owner 127.0.0.1:7370 (45),"* ]]

    start n40 --listen 127.0.0.1:7029 --join 127.0.0.1:7735
    [ "$(sed -n '1s/.*, id //p' n40.out)" = 40 ]
    agree 42 "127.0.0.1:7370 (45)" n16 n32 n40 n45 n80 n96 n112
    agree 38 "127.0.0.1:7029 (40)" n16 n32 n40 n45 n80 n96 n112

    kill -9 "${pid[n32]}"
    agree 42 "127.0.0.1:7370 (45)" n16 n40 n45 n80 n96 n112
    agree 20 "127.0.0.1:7029 (40)" n16 n40 n45 n80 n96 n112
    [[ $(ask n112 get file188.txt) == *"value hello"* ]]

    for name in n16 n40 n45 n80 n96 n112; do
        echo leave >&"${command[$name]}"
    done
    for name in n16 n40 n45 n80 n96 n112; do
        wait "${pid[$name]}"
        [ ! -s $name.err ]
    done
    run $chord trace --quiet *.pcapng
    [ "$status" -eq 0 ]
    [[ $output == *" messages of "* ]]
    run $chord monitor --dump 80x24 *.pcapng
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -gt 0 ]
}

@test "node: a bad command is an error line, and the node goes on" {
    start a --listen 127.0.0.1:0
    echo "lokup 4" >&"${command[a]}"
    echo "lookup" >&"${command[a]}"
    echo "quit" >&"${command[a]}"
    [[ $(ask a lookup 4) == *": owner "* ]]
    [ "$(sed -n 1p a.err)" = "chord: unknown command 'lokup'; did you mean 'lookup'?" ]
    [ "$(sed -n 2p a.err)" = "chord: 'lookup' ends too early, expected 'lookup KEY'" ]
    [[ $(sed -n 3p a.err) == *"'quit', expected"*"; to end this node: leave" ]]
}

@test "node: hostile input lines are refused, and the node goes on" {
    start a --listen 127.0.0.1:0
    head -c 100000 /dev/zero | tr '\0' x >&"${command[a]}"
    printf '\n\0\033[2J\n' >&"${command[a]}"
    [[ $(ask a lookup 4) == *": owner "* ]]
    [ "$(sed -n 1p a.err)" = "chord: the command is too long, expected 4096 bytes at most" ]
    ! grep -q $'\033' a.err || false
}

@test "node: the end of standard input leaves it running" {
    $chord node --listen 127.0.0.1:0 </dev/null >a.out 3>&- &
    pid[a]=$!
    wait_for a listening
    sleep 0.5
    kill -0 "${pid[a]}"
}

@test "node: commands may come from a file" {
    printf 'lookup 4\n# a comment\n\nleave' >commands # without a newline
    run timeout 10 $chord node --listen 127.0.0.1:0 <commands
    [ "$status" -eq 0 ]
    [[ $output == *"lookup 4 at "* ]]
}

@test "node: help lists the commands on the terminal" {
    printf 'help\nleave\n' >commands
    timeout 10 "$chord" node --json --listen 127.0.0.1:0 <commands >said 2>errors
    [ "$(wc -l <said)" -eq 1 ] # the JSON has no help in it
    grep -q '^  lookup KEY  *find the owner' errors
    grep -q '^  leave' errors
}

@test "node: SIGTERM is a polite leave and exit 0, Ctrl-C one and exit 130" {
    start a --listen 127.0.0.1:0 --set id=10
    start b --listen 127.0.0.1:0 --set id=50 --join "$(address a)"
    start c --listen 127.0.0.1:0 --set id=90 --join "$(address a)"
    agree 5 "$(address a) (10)" a b c
    agree 45 "$(address b) (50)" a b c
    agree 85 "$(address c) (90)" a b c
    ask b put name value
    kill -TERM "${pid[a]}"
    wait "${pid[a]}"
    agree 5 "$(address b) (50)" b c
    kill -INT "${pid[b]}"
    status=0
    wait "${pid[b]}" || status=$?
    [ "$status" -eq 130 ]
    agree 5 "$(address c) (90)" c
    [[ $(ask c get name) == *"value value"* ]]
}

@test "live: a taken port is exit 2, said with file and line" {
    own=127.$((RANDOM % 250 + 2)).$((RANDOM % 250 + 2)).2
    printf 'set bits 7\nnode a addr=%s:7001\nnode b addr=%s:7001\nrun until 1s\n' \
        "$own" "$own" >"$BATS_TEST_TMPDIR/twice.scn"
    run "${BIN:-bin}/chord" live "$BATS_TEST_TMPDIR/twice.scn" --quiet
    [ "$status" -eq 2 ]
    [[ "$output" == *"twice.scn:3: "* ]]
}

@test "node: whom nobody answers says so once, and goes on" {
    start 16 --listen 127.0.0.1:0 --join 127.0.0.1:9
    start 32 --listen 127.0.0.1:0
    start 45 --listen 127.0.0.1:0 --join "$(address 32)"
    for _ in $(seq 100); do
        grep -q 'no answer' 16.err && break
        sleep 0.1
    done
    sleep 1
    [ "$(cat 16.err)" = "chord: no answer from 127.0.0.1:9 yet; is it running?" ]
    [ -z "$(cat 45.err)" ]
}

@test "node: a taken port is refused" {
    start a --listen 127.0.0.1:0
    run $chord node --listen "$(address a)"
    [ "$status" -eq 2 ]
    [[ $output == "chord: "*"$(address a)"* ]]
    [ "${#lines[@]}" -eq 1 ]
}

@test "node: it has the name and the id that it is given" {
    start a --listen 127.0.0.1:0 --name alice --set id=99
    [[ $(head -1 a.out) == *", name alice, id 99" ]]
    [[ $(ask a lookup 4) == *"at alice: owner alice (99)"* ]]
    run $chord node --listen 127.0.0.1:0 --set bits=7 --set id=200
    [ "$status" -eq 2 ]
    [[ $output == "chord: "*200* ]]
}

@test "node: --json says listening, results and errors as objects" {
    start a --listen 127.0.0.1:0 --json --set id=9
    echo "lookup 4" >&"${command[a]}"
    echo "lokup 4" >&"${command[a]}"
    wait_for a '"error"'
    sed -n 1p a.out |
        grep -Eq '^\{"kind":"listening","node":"(127.0.0.1:[0-9]+)","addr":"\1","id":9\}$'
    sed -n 2p a.out | grep -q '^{"kind":"result",.*"command":"lookup 4","ok":true,.*}$'
    sed -n 3p a.out | grep -q '^{"kind":"error","text":"unknown command .*"}$'
}

@test "node: it never waits for a reader of its output" {
    mkfifo out in
    start b --listen 127.0.0.1:0 --set id=9
    $chord node --set bits=7 --listen 127.0.0.1:0 --join "$(address b)" \
        --set id=70 --name mute <in >out 3>&- &
    pid[mute]=$!
    exec {in}>in {out}<out # opened, and never read
    sleep 1
    (yes lookup 4 || true) | head -20000 >&"$in"
    sleep 1
    [[ $(ask b lookup 60) == *": owner "*" (70),"* ]]
    kill -TERM "${pid[mute]}"
    timeout 6 tail --pid="${pid[mute]}" -f /dev/null
}

@test "node: a reader that goes away ends it quietly" {
    run bash -c "(echo lookup 4; sleep 1; echo lookup 4; sleep 4) |
        timeout 8 $chord node --listen 127.0.0.1:0 2>&1 | head -1"
    [[ $output == "listening on "* ]]
    [ "${#lines[@]}" -eq 1 ]
}

@test "node: kill -9 leaves a trace that can be read" {
    start a --listen 127.0.0.1:0 --trace a.pcapng
    ask a lookup 4
    sleep 0.4
    kill -9 "${pid[a]}"
    run $chord trace --json a.pcapng
    [ "$status" -eq 0 ]
    [[ $output == *'"command":"lookup 4","ok":true'* ]]
}

@test "node: an introducer brings nodes together" {
    $chord introducer --listen 127.0.0.1:0 >i.out 3>&- &
    pid[i]=$!
    wait_for i listening
    start a --listen 127.0.0.1:0 --join "http://$(address i)" --set id=10
    sleep 0.5
    start b --listen 127.0.0.1:0 --join "http://$(address i)" --set id=90
    agree 50 "$(address b) (90)" a b
    agree 5 "$(address a) (10)" a b
    kill -TERM "${pid[i]}"
    wait "${pid[i]}"
}

# flood TCP UDP: a thousand half-open calls to one port, and datagrams to the
# other until the flood is killed: noise, half of it behind a good header.
flood() {
    exec python3 - "$@" <<'END'
import random, socket, sys, time
tcp, udp = int(sys.argv[1]), int(sys.argv[2])
half = []
for _ in range(1000):
    s = socket.create_connection(("127.0.0.1", tcp))
    s.send(b"GET /nod")
    half.append(s)
print("half-open", flush=True)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(1)
while True:
    for _ in range(200):
        body = random.randbytes(random.randrange(1400))
        head = b"CHRD" + bytes((1, random.randrange(24), 7))
        out.sendto(random.choice((b"", head)) + body, ("127.0.0.1", udp))
    time.sleep(0.01)
END
}

@test "node: half-open calls and a flood of garbage stop nobody, and take no room" {
    $chord introducer --listen 127.0.0.1:0 >i.out 3>&- &
    pid[i]=$!
    wait_for i listening
    start a --listen 127.0.0.1:0 --join "http://$(address i)" --set id=10
    room=$(awk '/VmRSS/ { print $2 }' "/proc/${pid[a]}/status")
    a=$(address a) i=$(address i)
    flood "${i#*:}" "${a#*:}" >f.out 2>f.err 3>&- &
    pid[f]=$!
    wait_for f half-open
    start b --listen 127.0.0.1:0 --join "http://$i" --set id=90
    agree 50 "$(address b) (90)" a b
    agree 5 "$a (10)" a b
    sleep 2
    for key in 1 20 80 100; do
        [[ $(ask a lookup $key) == *": owner "* ]]
    done
    kill -0 "${pid[f]}" # the flood went on all the time
    now=$(awk '/VmRSS/ { print $2 }' "/proc/${pid[a]}/status")
    [ $((now - room)) -lt 8000 ] # kB
}

@test "live: the built-in scenario runs on real sockets" {
    cd "$BATS_TEST_DIRNAME/.."
    run $chord live --quiet --json
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == *'"path":["n80","n16","n32","n45"]'* ]]
    [[ ${lines[-1]} == '{"kind":"summary",'* ]]
}

@test "live: what only a simulator can do is refused" {
    printf 'node a\nnode b\nloss 5%%\nrun until 1s\n' >loss.scn
    printf 'node a\nnode b\nat 1s partition a | b\n' >cut.scn
    printf 'node a\nat step 3 crash a\n' >step.scn
    for scenario in loss cut step; do
        run $chord live $scenario.scn
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "$scenario.scn:"[23]": "* ]]
    done
}
