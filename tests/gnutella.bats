# Gnutella: what `show` says, floods that are counted, real processes that find
# and fetch files, and peers that mean ill.

bin=$(realpath "${BIN:-bin}")/gnutella
top=$(realpath "$BATS_TEST_DIRNAME/..")

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    pids=()
}

teardown() {
    for pid in "${pids[@]}"; do
        kill -9 "$pid" 2>/dev/null || true
    done
    wait
}

# start NAME PORT [OPTION...]: a servent that reads NAME.in and shares NAME/.
start() {
    local name=$1 port=$2
    shift 2
    mkdir -p "$name"
    [ -p "$name.in" ] || mkfifo "$name.in"
    "$bin" node --listen "127.0.0.1:$port" --folder "$name" --json \
        --set ping=2s --set collect=1s "$@" <>"$name.in" >>"$name.out" 2>&1 3>&- &
    pids+=($!)
    eval "$name=$!"
    until_says "$name" listening
}

# until_says NAME WORDS [SECONDS]
until_says() {
    for _ in $(seq $((${3:-10} * 20))); do
        grep -q "$2" "$1.out" 2>/dev/null && return
        sleep 0.05
    done
    echo "$1 never said: $2"
    cat "$1.out"
    return 1
}

# search NAME WORDS PATTERN: again, until the answer is so
search() {
    for _ in 1 2 3 4 5 6; do
        echo "search $2" >"$1.in"
        until_says "$1" "search $2" 5
        sleep 1.1
        grep -q "$3" "$1.out" && return
    done
    cat "$1.out"
    return 1
}

@test "gnutella: five servents find a file and fetch it" {
    start a 21346
    start b 21347 --join 127.0.0.1:21346
    start c 21348 --join 127.0.0.1:21346 --set degree=1
    start d 21349 --join 127.0.0.1:21348 --set degree=1
    mkdir e
    head -c 3000000 /dev/urandom >"e/generic band - generic song.mp3"
    start e 21350 --join 127.0.0.1:21349 --set degree=1
    search b "generic song" '"hits":1'
    echo "get 1" >b.in
    until_says b '"command":"get 1","ok":true'
    cmp b/*.mp3 e/*.mp3
    kill "$e"
    wait "$e" # a polite leave ends in 0
}

# Started at once, and the one that is told last: nobody has been answered when
# it first calls, and callers come before that.  No two overlays may remain.
@test "gnutella: five servents started at once become one overlay" {
    mkdir n1 n5
    head -c 100000 /dev/urandom >n1/blue-song.ogg
    for i in 5 4 3 2 1; do
        mkdir -p "n$i"
        mkfifo "n$i.in"
        join=()
        [ "$i" = 1 ] || join=(--join "127.0.0.1:2131$((i - 1))")
        "$bin" node --listen "127.0.0.1:2131$i" --folder "n$i" --json \
            --set degree=1 --set collect=1s "${join[@]}" \
            <>"n$i.in" >"n$i.out" 2>&1 3>&- &
        pids+=($!)
    done
    until_says n5 listening
    search n5 "blue song" '"hits":1'
    echo "get 1" >n5.in
    until_says n5 '"command":"get 1","ok":true'
    cmp n5/blue-song.ogg n1/blue-song.ogg
}

@test "gnutella: 0.6 with deflate, and a holder behind a firewall" {
    start a 21356 --set version=0.6
    mkdir e
    head -c 200000 /dev/urandom >e/secret-song.ogg
    start e 21357 --set version=0.6 --join 127.0.0.1:21356 --set firewalled=yes
    start b 21358 --set version=0.6 --join 127.0.0.1:21356
    search b "secret song" '"hits":1'
    echo "get secret-song.ogg" >b.in
    until_says b '"ok":true,"file":"secret-song.ogg"'
    grep -q '"pushed":true' b.out
    cmp b/secret-song.ogg e/secret-song.ogg
}

@test "gnutella: a transfer goes on after kill -9 of either side" {
    mkdir e
    head -c 400000000 /dev/urandom >e/big.bin
    start a 21366
    start e 21367 --join 127.0.0.1:21366
    start b 21368 --join 127.0.0.1:21366
    search b "big bin" '"hits":1'
    echo "get 1" >b.in
    sleep 0.25
    kill -9 "$e" # the holder dies, and comes back
    sleep 0.3
    start e 21367 --join 127.0.0.1:21366
    sleep 2.2
    kill -9 "$b" # then the asker, perhaps under way again
    sleep 0.2
    : >b.out
    start b 21368 --join 127.0.0.1:21366
    if [ ! -f b/big.bin ]; then
        search b "big bin" '"hits":1'
        echo "get 1" >b.in
        until_says b '"ok":true,"file":"big.bin"' 20
    fi
    cmp b/big.bin e/big.bin
}

# Bytes to a servent, and what it says: talk PORT SECONDS
talk() {
    timeout "$2" bash -c 'exec 3<>/dev/tcp/127.0.0.1/'"$1"'; cat >&3; cat <&3' 3>&- || true
}

@test "gnutella: strangers are answered as the reference says" {
    start a 21376
    printf 'GNUTELLA CONNECT/0.4\n\n' | talk 21376 1 | head -c 13 >got
    printf 'GNUTELLA OK\n\n' | cmp - got
    printf 'GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n' | talk 21376 1 |
        head -1 | grep -q '^GNUTELLA/0.6 200 OK'
    printf 'GNUTELLA CONNECT/0.9\r\n\r\n' | talk 21376 1 | head -1 |
        grep -q '^GNUTELLA/0.6 200 OK' # a higher version is answered as 0.6
    [ -z "$(printf 'HELO there\r\n' | talk 21376 1)" ]
    printf 'GET /get/1/../../etc/passwd HTTP/1.1\r\n\r\n' | talk 21376 1 |
        head -1 | grep -q ' 400 '
    printf 'GET /get/1/no.ogg HTTP/1.1\r\n\r\n' | talk 21376 1 | head -1 |
        grep -q ' 404 '
}

@test "gnutella: greetings, crawlers and requests, word by word" {
    mkdir a
    echo hello >"a/my song.txt"
    start a 21426 --set version=0.6
    start b 21427 --set version=0.6 --join 127.0.0.1:21426
    sleep 1
    # What is no call is none, whatever it begins with; nothing is answered.
    for line in 'GNUTELLA OK' 'GNUTELLA BUSY' 'GNUTELLA/0.6 200 OK' \
        'GNUTELLA/0.6 2x0 OK'; do
        [ -z "$(printf '%s\r\n\r\n' "$line" | talk 21426 1)" ]
    done
    # Names without case, and a value that goes on in the next line.
    printf 'GNUTELLA CONNECT/0.6\r\nx-ULTRAPEER:\r\n True\r\naccept-encoding: gzip,\r\n\tdeflate\r\n\r\n' |
        talk 21426 1 | grep -a -q '^Content-Encoding: deflate'
    # 64 headers are taken, 65 are not.
    for n in 64 65; do
        { printf 'GNUTELLA CONNECT/0.6\r\n'
          for _ in $(seq $n); do printf 'X-A: b\r\n'; done
          printf '\r\n'; } | talk 21426 1 | head -1 >got$n
    done
    grep -q '^GNUTELLA/0.6 200 OK' got64
    [ ! -s got65 ]
    # A crawler hears who is there, and the connection ends.
    printf 'GNUTELLA CONNECT/0.6\r\nCrawler: 0.1\r\n\r\n' >ask
    SECONDS=0
    talk 21426 8 <ask | tr -d '\r' >got
    [ "$SECONDS" -lt 7 ]
    grep -qx 'Peers: 127.0.0.1:21427' got
    grep -qx 'Leaves: ' got
    [ -z "$(tail -1 got)" ]
    # A leaf takes no links: it names its ultrapeers, to 0.4 by a pong.
    start c 21428 --set version=0.6 --set role=leaf --set degree=1 \
        --join 127.0.0.1:21426
    sleep 1
    printf 'GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: False\r\n\r\n' |
        talk 21428 1 | tr -d '\r' >got
    head -1 got | grep -q '^GNUTELLA/0.6 503 '
    grep -qx 'X-Try-Ultrapeers: 127.0.0.1:21426' got
    { printf 'GNUTELLA CONNECT/0.4\n\n'
      printf '0123456789abcdef\0\7\0\0\0\0\0'; } >ask
    SECONDS=0
    talk 21428 8 <ask | xxd -p | tr -d '\n' >got
    [ "$SECONDS" -lt 7 ]
    grep -q "01..010e000000b2537f000001" got # a pong: 21426, little-endian
    # As 0.4 asks: blanks as they are, a last slash, HTTP/1.0, which ends.
    printf 'GET /get/0/my song.txt/ HTTP/1.0\r\nRange: bytes=0-\r\n\r\n' >ask
    SECONDS=0
    talk 21426 8 <ask | tr -d '\r' >got
    [ "$SECONDS" -lt 7 ]
    head -1 got | grep -qx 'HTTP/1.1 206 Partial Content'
    grep -qx 'Content-Range: bytes 0-5/6' got
    [ "$(tail -1 got)" = hello ]
    # As 0.6 asks: encoded, by a hash, of a part; the connection goes on.
    sha1=$(sha1sum "a/my song.txt" | cut -d' ' -f1 | xxd -r -p | base32)
    { printf 'HEAD /get/0/my%%20song.txt HTTP/1.1\r\n\r\n'
      printf 'GET /uri-res/N2R?urn:sha1:%s HTTP/1.1\r\nRange: bytes=1-3\r\n\r\n' "$sha1"
      printf 'GET /get/0/my%%20song.txt HTTP/1.1\r\nRange: bytes=6-\r\n\r\n'
    } | talk 21426 1 | tr -d '\r' >got
    [ "$(grep -a -c "^X-Gnutella-Content-URN: urn:sha1:$sha1" got)" = 2 ]
    grep -a -q '^Content-Range: bytes 1-3/6' got
    grep -a -q '^ellHTTP/1.1 416 ' got
}

# agree TRACE PORT [FILTER]: tshark's own dissector says of every message, or
# of those, what we say.
# It takes a greeting, which is shorter than a header, for the beginning of a
# message, and one of over 4 KiB for a file: show it the other messages only.
agree() {
    local of="$BATS_TEST_DIRNAME/gnutella_dissected.py"
    local only="kind=message ${3:+&& $3} && type != CONNECT && type != OK"
    only+=" && length < 4096"
    "$bin" trace "$1" --quiet --out only.pcapng --filter \
        "$only && type != GIV && type != DATA && !(type ~ HTTP)" >/dev/null
    "$bin" trace only.pcapng --json --addresses | python3 "$of" ours >ours
    # shellcheck disable=SC2046
    tshark -r only.pcapng -d "tcp.port==$2,gnutella" -Y gnutella.header \
        -T fields -E separator=/t -E aggregator='|' \
        $(python3 "$of" fields) 2>/dev/null | python3 "$of" theirs >theirs
    diff ours theirs
    [ "$(wc -l <ours)" -gt 10 ]
    cat ours >>all
}

# A peer of 0.6 written by hand: what goes out, and what comes back.
@test "gnutella: messages of a servent that is not ours, byte for byte" {
    python=$(command -v python3) || skip "no python3"
    mkdir a
    for i in $(seq 300); do echo "$i" >"a/many song $i.txt"; done
    start a 21436 --set version=0.6 --set ping=60s --set queries=1000000 \
        --trace t.pcapng
    start b 21437 --set version=0.6 --set deflate=off --join 127.0.0.1:21436
    mkdir f
    echo walled >"f/walled song.txt"
    start f 21438 --set version=0.6 --set firewalled=yes --set degree=1 \
        --set deflate=off --join 127.0.0.1:21436
    sleep 1
    "$python" "$BATS_TEST_DIRNAME/gnutella_peer.py" 21436 21437
    curl -s "http://127.0.0.1:21436/get/0/x" >/dev/null || true
    kill "$a"
    wait "$a"
    "$bin" trace t.pcapng >said
    grep -q ' HTTP_REQUEST ' said
    ! grep undecoded said || false
    command -v tshark >/dev/null || skip "tshark is missing"
    # Without 280,000 queries "noise".
    agree t.pcapng 21436 '(type != QUERY || length != 8)'
    # Bye, tables of words, vendors' messages, HSEP, and an unknown type too.
    for type in 0 1 2 48 49 50 64 119 128 129 205; do
        cut -d' ' -f2 all | grep -qx $type || { echo "no $type"; false; }
    done
}

# The other way round: our servent dials, and says what it says by itself.
@test "gnutella: what our servent says to one that is not ours, byte for byte" {
    python=$(command -v python3) || skip "no python3"
    "$python" "$BATS_TEST_DIRNAME/gnutella_host.py" "$bin" 21446
    rm -r h
    "$python" "$BATS_TEST_DIRNAME/gnutella_host.py" "$bin" 21447 firewalled
}

@test "gnutella: one that does not read loses what matters least, then Bye 502" {
    python=$(command -v python3) || skip "no python3"
    start a 21441 --set version=0.6 --set ping=60s --set queries=1000000
    "$python" "$BATS_TEST_DIRNAME/gnutella_peer.py" 21441
}

# Source: reference, section 8, "Amplification".
@test "gnutella: of one neighbour so many queries a second, and no more" {
    {
        printf 'set queries 5\nnode a share=song.ogg:20kB\nnode b join=a\n'
        printf 'at 5s b search song\n'
        printf 'b search song\n%.0s' 2 3 4 5 6 7 8
        printf 'at 10s expect b search song hits=1\nat 20s b ping\n'
        printf 'b ping\n%.0s' 2 3 4 5 6 7
        printf 'run until 30s\n'
    } >eager.scn
    run "$bin" sim eager.scn
    [ "$(grep -c 'more queries a second' <<<"$output")" -eq 5 ] # 3 and 2
    [ "$status" -eq 0 ]
}

# Those it has made leaves are no ultrapeers, and take no links, until then.
@test "gnutella: leaves whose last ultrapeer dies find each other" {
    cat >alone.scn <<END
set version 0.6
set degree 1
set ping 5s
node a
node b join=a
at 5s node c join=a
at 6s node d join=a
at 20s expect c show role=leaf
at 20s expect d show role=leaf
at 30s crash a
at 30s crash b
run until 120s
expect invariants
END
    "$bin" sim alone.scn --quiet
}

# cut_off NODE TIME LINE...: in this scenario the node cuts one connection off,
# at just that time.
cut_off() {
    local node=$1 time=$2
    shift 2
    printf '%s\n' "latency 20ms..20ms" "set ping 0" "$@" >cut.scn
    run "$bin" sim cut.scn --json
    [ "$(grep -c 'cuts a connection off' <<<"$output")" = 1 ]
    grep '"time":'"$time"',"node":"'"$node"'","text":"cuts a' <<<"$output"
}

@test "gnutella: a handshake that stops is cut off after 20 s, at either end" {
    # A cable is pulled: before we are answered; before we are asked; and after
    # we said OK to a guest.
    cut_off b 21 'node a' 'at 1s node b join=a' \
        'at 1050ms vanish a' 'run until 40s'
    cut_off a 21.02 'node a' 'at 1s node b join=a' \
        'at 1030ms vanish b' 'run until 42s'
    cut_off n1 28.06 'set degree 1' 'nodes 8 prefix=n every 1s' \
        'at 8s node new join=n1' 'at 8070ms vanish new' 'run until 40s'
}

@test "gnutella: hostile peers cost little, and others are served" {
    mkdir e
    echo hello >e/hello.txt
    start a 21386
    start e 21387 --join 127.0.0.1:21386
    start b 21388 --join 127.0.0.1:21386
    for i in $(seq 200); do # half-open, and never a word
        eval "exec $((i + 100))<>/dev/tcp/127.0.0.1/21386"
    done
    head -c 200000 /dev/urandom | talk 21386 1 >/dev/null
    { printf 'GNUTELLA CONNECT/0.6\r\n'; yes 'X-Endless: header'; } |
        head -c 2000000 | talk 21386 1 >/dev/null
    { printf 'GNUTELLA CONNECT/0.4\n\n'; head -c 19 /dev/zero
      printf '\377\377\377\177'; } | talk 21386 1 >/dev/null
    # One that asks all the time and never reads.
    (exec 99<>/dev/tcp/127.0.0.1/21386
     printf 'GNUTELLA CONNECT/0.4\n\n' >&99
     for i in $(seq 20000); do printf '%08x%08x\0\0\0\0\0\0\0\0\7\0\0\0\0\0' \
         "$i" "$i" | head -c 23; done >&99; sleep 3) 3>&- &
    pids+=($!)
    sleep 1
    search b hello '"hits":1'
    echo "get hello.txt" >b.in
    until_says b '"ok":true,"file":"hello.txt"'
    kib=$(awk '/VmRSS/ { print $2 }' "/proc/$a/status")
    echo "$kib KiB"
    [ "$kib" -lt 60000 ]
}

# 115 MB of empty messages in 112 kB, a thousand callers that say nothing, and
# one that asks for a file and never reads it.
@test "gnutella: a compression bomb and a thousand silent callers" {
    python=$(command -v python3) || skip "no python3"
    mkdir a e
    head -c 50000000 /dev/zero >a/big.bin
    echo hello >e/hello.txt
    start a 21416 --set version=0.6
    start e 21417 --set version=0.6 --join 127.0.0.1:21416
    start b 21418 --set version=0.6 --join 127.0.0.1:21416
    "$python" - <<'END' >bomb.out 2>&1 3>&- &
import socket, time, zlib
def dial():
    return socket.create_connection(("127.0.0.1", 21416))
deaf = dial()
deaf.sendall(b"GET /get/0/big.bin HTTP/1.1\r\n\r\n")
silent = [dial() for i in range(1000)]
s = dial()
s.sendall(b"GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\n\r\n")
got = b""
while b"\r\n\r\n" not in got:
    got += s.recv(65536)
s.sendall(b"GNUTELLA/0.6 200 OK\r\nContent-Encoding: deflate\r\n\r\n")
c = zlib.compressobj(9)
bomb = c.compress(bytes(23 * 5000000)) + c.flush()
try:
    s.sendall(bomb)
    while s.recv(65536):
        pass
except OSError:
    pass
print("closed", flush=True)
time.sleep(60)
END
    pids+=($!)
    until_says bomb closed 20
    search b hello '"hits":1'
    echo "get hello.txt" >b.in
    until_says b '"ok":true,"file":"hello.txt"' 20
    kib=$(awk '/VmHWM/ { print $2 }' "/proc/$a/status")
    echo "$kib KiB"
    [ "$kib" -lt 30000 ]
}

@test "gnutella: when any servent dies the rest find new neighbours" {
    cat >die.scn <<END
seed 4
set degree 3
set ping 5s
nodes 20 prefix=n every 200ms
END
    for i in $(seq 1 3 19); do # every third, the first among them
        echo "at $((20 + i))s crash n$i" >>die.scn
    done
    printf 'at 120s n2 search nothing\nrun until quiet\nexpect invariants\n' >>die.scn
    "$bin" sim die.scn --quiet
    [ "$("$bin" show die.scn components)" = 13 ]
}

@test "gnutella: a full flood costs 2E-(N-1) messages, on any overlay" {
    for seed in $(seq 12); do
        cat >flood.scn <<END
seed $seed
set degree $((seed % 5 + 1))
set ttl 15
set ping 0
nodes $((20 + seed * 13)) prefix=n
warm
run until 4s
END
        want=$("$bin" show flood.scn full-flood)
        [ "$("$bin" show flood.scn cost n1 search nobody has it)" = "$want" ] ||
            { echo "seed $seed, wanted $want"; false; }
    done
}

@test "gnutella: ten thousand servents, and their flood" {
    printf 'set degree 3\nset ttl 15\nset ping 0\nnodes 10000 prefix=n\nwarm\nrun until 3s\n' >many.scn
    want=$("$bin" show many.scn full-flood)
    [ "$("$bin" show many.scn cost n1 search nobody has it)" = "$want" ]
    [ "$("$bin" show many.scn components)" = 10000 ]
}

@test "gnutella: without the table of ids only the TTL ends the storm" {
    lab=$top/labs/gnutella/flood.scn
    with=$("$bin" show "$lab" cost a search none)
    without=$("$bin" show "$lab" cost a search none --set duplicates=pass --set ttl=6)
    [ "$with" = 21 ]
    [ "$without" -gt 60 ]
}

@test "gnutella: every example of a fact works" {
    "$bin" show --help | grep -o '([a-z-]* *[^)]*)' | tr -d '()' | sort -u |
        while read -r fact; do
            # shellcheck disable=SC2086
            "$bin" show "$top/labs/gnutella/flood.scn" $fact >/dev/null ||
                [ "$fact" = "route f a" ] || { echo "fails: $fact"; exit 1; }
        done
}

@test "gnutella: names of files that would leave the folder are refused" {
    mkdir -p e/x
    start b 21396
    python=$(command -v python3) || skip "no python3"
    "$python" - <<'END' &
import socket, struct, time
s = socket.create_connection(("127.0.0.1", 21396))
s.sendall(b"GNUTELLA CONNECT/0.4\n\n")
buf = b""
end = time.time() + 6
while time.time() < end:
    s.settimeout(max(0.1, end - time.time()))
    try:
        d = s.recv(65536)
    except OSError:
        break
    if not d:
        break
    buf += d
    while b"GNUTELLA OK\n\n" in buf:
        buf = buf.split(b"GNUTELLA OK\n\n", 1)[1]
    while len(buf) >= 23 and len(buf) >= 23 + struct.unpack("<I", buf[19:23])[0]:
        n = struct.unpack("<I", buf[19:23])[0]
        m, buf = buf[:23 + n], buf[23 + n:]
        if m[16] == 0x80:
            names = [b"../../evil", b"/tmp/evil", b"a\x1b[2Jb", b".p2plab/x"]
            r = b"".join(struct.pack("<II", i, 5) + x + b"\0\0"
                         for i, x in enumerate(names))
            p = (bytes([len(names)]) + struct.pack("<H", 21397) +
                 bytes([127, 0, 0, 1]) + struct.pack("<I", 1) + r + b"s" * 16)
            s.sendall(m[:16] + b"\x81\x02\x00" + struct.pack("<I", len(p)) + p)
END
    pids+=($!)
    sleep 1
    search b evil '"files":4'
    for i in 1 2 3 4; do
        echo "get $i" >b.in
        until_says b "\"command\":\"get $i\",\"ok\":false"
    done
    ! grep -q $'\033' b.out || false
    [ ! -e ../evil ] && [ ! -e ../../evil ] && [ ! -e /tmp/evil ]
}

@test "gnutella: tshark's own dissector says the same of every message" {
    command -v tshark >/dev/null || skip "tshark is missing"
    python3 -c "" 2>/dev/null || skip "python3 is missing"
    for lab in flood join firewall; do
        "$bin" sim "$top/labs/gnutella/$lab.scn" --quiet --trace all.pcapng >/dev/null
        agree all.pcapng 7000
    done
    for type in 0 1 64 128 129; do
        cut -d' ' -f2 all | grep -qx $type
    done
}

@test "gnutella: the picture of the flood, and what it has reached" {
    cd "$top"
    load golden.bash
    "$bin" monitor labs/gnutella/flood.scn --dump 80x24 |
        golden gnutella-open-80x24.screen
    "$bin" monitor labs/gnutella/flood.scn --dump 80x24 --at 2.041s |
        golden gnutella-wave2-80x24.screen
    "$bin" monitor labs/gnutella/flood.scn --dump 80x24 --at 2.13s |
        golden gnutella-home-80x24.screen
    "$bin" monitor labs/gnutella/flood.scn --dump 160x48 --at 2.13s |
        golden gnutella-home-160x48.screen
    "$bin" monitor labs/capstone/gnutella200.scn --dump 80x24 --at 4.13s |
        golden gnutella-crowd-80x24.screen
    # A link that is up at one end only is drawn as well.
    run "$bin" monitor labs/gnutella/join.scn --at 14.11s \
        --keys ':node new<Enter>' --dump 80x24
    [[ $output == *"hop 0      hop 1      hop 2"*"[new] -+-- n1 ----+-- n2 "* ]]
    # A guest is no neighbour; a ping's flood is drawn like a query's.
    "$bin" monitor labs/gnutella/join.scn --at 14.07s --dump 80x24 |
        grep '| guest   new$'
    "$bin" monitor labs/gnutella/join.scn --at 20.05s --dump 80x24 |
        golden gnutella-ping-80x24.screen
}

@test "gnutella: forty seeded runs with faults end well" {
    cd "$top"
    run tests/sweep 40 2 1 gnutella
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "gnutella: the explorer finds no violation among three servents" {
    cd "$top"
    run "$bin" check
    [ "$status" -eq 0 ]
    [[ "$output" == *"no violation in "*" states (incomplete: the bound on depth "* ]]
    [[ "$output" =~ ([0-9]+)" states, " ]]
    [ "${BASH_REMATCH[1]}" -gt 2000 ]
}

@test "gnutella: the introducer is a GWebCache too" {
    command -v curl >/dev/null || skip "curl is missing"
    "$bin" introducer --listen 127.0.0.1:21408 >web.out 2>&1 3>&- &
    pids+=($!)
    until_says web listening
    start a 21409 --join http://127.0.0.1:21408
    url=http://127.0.0.1:21408
    [ "$(curl -s "$url/?ip=127.0.0.1:6346&client=TEST&version=1")" = OK ]
    [[ "$(curl -s "$url/?ip=nonsense")" = ERROR* ]]
    curl -s "$url/gwc.php?hostfile=1" | sort >got
    printf '127.0.0.1:21409\n127.0.0.1:6346\n' | diff - got
    [[ "$(curl -s "$url/?ping=1")" = PONG* ]]
    [ "$(curl -s "$url/?statfile=1" | tr '\n' ' ')" = "5 5 1 " ]
    [ -z "$(curl -s "$url/?urlfile=1&client=TEST&version=1")" ]
    start b 21410 --join http://127.0.0.1:21408
}

# Source: reference, section 5.
@test "gnutella: who caches pongs is pinged every 3 s, others every 60 s" {
    printf '%s\n' 'node u version=0.6' 'node w version=0.4 join=u' \
        'node v version=0.6 join=u' 'run until 610s' >ping.scn
    "$bin" sim ping.scn >ping.out
    [ "$(grep -c ' u  *w  *PING ttl 7 hops 0' ping.out)" = 10 ]
    [ "$(grep -c ' u  *v  *PING ttl 7 hops 0' ping.out)" = 203 ]
}

@test "gnutella: a leaf's table of words is renewed when its files change" {
    cat >words.scn <<END
set version 0.6
set ping 0
node u role=ultrapeer
nodes 3 prefix=a role=leaf join=u degree=1
node b role=leaf join=u degree=1 share=blue-song.ogg:1KiB
at 5s expect a1 search blue hits=1
at 9s expect a1 get 1
at 20s crash b
at 21s expect a2 search "blue song" hits=1
at 25s expect a2 search red hits=0
run until quiet
END
    "$bin" sim words.scn >words.out
    # Told once when it came, and once when it had one more: no oftener.
    [ "$(grep -c 'a1 .* u .*ROUTE_PATCH' words.out)" = 2 ]
    [ "$(grep -c 'a2 .* u .*ROUTE_PATCH' words.out)" = 1 ]
    [ "$(grep -c 'u .* a3 .*QUERY' words.out)" = 0 ]
}

@test "gnutella: where the way of a hit is gone, a proxy sends the push" {
    cat >proxy.scn <<END
set version 0.6
set ping 0
set degree 1
node p role=ultrapeer
node u role=ultrapeer join=p
node f firewalled=yes join=p share=secret.ogg:8KiB
node b role=ultrapeer join=u
at 5s expect b search secret hits=1
at 9s crash u
at 9500ms expect b get 1 pushed=true
run until 60s
END
    "$bin" sim proxy.scn >out
    grep -q 'b .* p .*HTTP_REQUEST.*/gnutella/push-proxy' out
    grep -q 'the proxy has sent the push' out
}

# Sixteen are served at a time; the others hear 503, and wait their turn.
@test "gnutella: a busy holder is asked again, and all get the file" {
    {
        echo "title Twenty want a file of one"
        echo "set ping 0"
        echo "set degree 16"
        echo "set ttl 2"
        echo "node a share=song.ogg:2MiB up=200kB/s"
        echo "nodes 20 prefix=b join=a"
        echo "warm"
        for i in $(seq 20); do echo "at 1s b$i search song"; done
        for i in $(seq 20); do echo "at 10s expect b$i get 1 bytes=2097152"; done
        echo "run until quiet"
    } >busy.scn
    run "$bin" sim busy.scn
    [ "$status" -eq 0 ]
    [[ $output == *"503 Busy"*"the holder is busy: again in 60 s"* ]]
    for i in 1 2 3 4; do # each has a place of its own, in order
        [[ $output == *"number $i of those who wait"* ]]
    done
    [[ $output != *"number 5 of those who wait"* ]]
    "$bin" sim busy.scn --json | grep -q 'position=4,pollMin=60,pollMax=120'
}
