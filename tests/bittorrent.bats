# Real files between real processes: the verbs that people expect of a client.
bats_require_minimum_version 1.5.0

setup() {
    bt=$(realpath "${BIN:-bin}/bittorrent")
    cd "$BATS_TEST_TMPDIR"
    mkdir from to
    head -c 3000000 /dev/urandom >from/x.bin
    port=$((20000 + (BASHPID + BATS_TEST_NUMBER * 7) % 9000))
    while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        port=$((port + 1)) # another test has that one
    done
    tracker=127.0.0.1:$port
    "$bt" create from/x.bin --tracker "http://$tracker/announce" \
        --output x.torrent
}

teardown() {
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
}

# In the foreground, since else timeout(1) passes a SIGTERM on with a SIGCONT
# behind it.  That takes away the SIGSTOP with which LeakSanitizer holds a
# program that ends, and both then wait for ever.
swarm() {
    timeout --foreground 60 "$bt" tracker --listen "$tracker" </dev/null >tracker.out 3>&- &
    for _ in $(seq 100); do
        grep -q listening tracker.out && break
        sleep 0.05
    done
    timeout --foreground 60 "$bt" seed x.torrent --folder from --listen 127.0.0.1:0 "$@" \
        </dev/null >seed.out 3>&- &
    for _ in $(seq 100); do
        grep -q '100.0%' seed.out && return
        sleep 0.05
    done
    cat seed.out
    false
}

@test "bittorrent: get fetches, says how it goes, and ends" {
    swarm
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    [ "$status" -eq 0 ]
    [[ $output == *"100.0% of 3000000 bytes"* ]]
    cmp from/x.bin to/x.bin
    [ ! -e to/x.bin.part ]
}

@test "bittorrent: kill -9 loses at most the pieces under way" {
    swarm
    timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 \
        --set download=500kB/s </dev/null >first.out 3>&- &
    for _ in $(seq 200); do
        grep -qE '^[3-9][0-9]\.[0-9]%' first.out && break
        sleep 0.05
    done
    grep -qE '^[3-9][0-9]\.[0-9]%' first.out
    pkill -9 -P $! || kill -9 $!
    [ ! -e to/x.bin ]
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    [ "$status" -eq 0 ]
    cmp from/x.bin to/x.bin
    # What the first one had is not fetched again.
    first=$(grep -oE '^[0-9]+\.[0-9]%' <<<"$output" | head -n 1)
    echo "$output"
    [ "${first%%.*}" -ge 20 ]
}

@test "bittorrent: what was found good is hashed again only when asked" {
    swarm
    get_files
    printf '!' | dd of=to/x.bin bs=1 seek=99999 conv=notrunc 2>/dev/null
    get_files
    [[ $output == *"100.0% of 3000000 bytes"* ]]
    get_files --set verify=all --until 2s
    [[ $output == *"a file of that name is here and differs"* ]]
}

@test "bittorrent: what the disk says is said, and when there is room, get goes on" {
    unshare -rm true 2>/dev/null || skip "no mount namespaces"
    swarm
    unshare -rm bash -c '
        mount -t tmpfs -o size=1500k none to
        timeout 40 "$@" >get.out </dev/null 3>&- &
        for _ in $(seq 200); do
            grep -q "the disk refuses: No space left on device" get.out && break
            sleep 0.05
        done
        grep -q "the disk refuses: No space left on device" get.out || exit 1
        mount -o remount,size=10m to
        wait $! && cmp from/x.bin to/x.bin' full \
        "$bt" get x.torrent --folder to --listen 127.0.0.1:0 ||
        { cat get.out; false; }
}

@test "bittorrent: killed at any moment, get comes to the end all the same" {
    swarm --set upload=4MB/s
    for after in 0.01 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.5; do
        timeout -s KILL $after "$bt" get x.torrent --folder to \
            --listen 127.0.0.1:0 </dev/null >>killed.out 2>&1 || true
    done
    get_files
    cmp from/x.bin to/x.bin
    [ -z "$(find to -name '*.part')" ]
}

@test "bittorrent: a magnet link is enough, and what it had is kept" {
    swarm
    link=$("$bt" info x.torrent | sed -n 's/^magnet //p')
    [[ $link == "magnet:?xt=urn:btih:"*"&dn=x.bin&tr=http%3A%2F%2F127"* ]]
    for _ in first again; do
        run timeout 30 "$bt" get "$link" --folder to --listen 127.0.0.1:0 </dev/null
        [ "$status" -eq 0 ]
        [[ $output == *"100.0% of 3000000 bytes"* ]]
        cmp from/x.bin to/x.bin
    done
    run -2 "$bt" get "magnet:?xt=urn:btih:123" --folder to
    [[ $output == *"no good magnet link"* ]]
}

# An album of three files and a folder, and its torrent.
album() {
    mkdir -p from/album/sub
    head -c 300000 /dev/urandom >from/album/a.bin
    head -c 70000 /dev/urandom >from/album/sub/b.bin
    : >from/album/empty
    "$bt" create from/album --tracker "http://$tracker/announce" \
        --output x.torrent
    cp -r from kept
}

# flood PORT...: calls that say nothing, calls that say nonsense or begin
# well, and datagrams of noise, until it is killed.
flood() {
    exec python3 - "$@" 3>&- <<'END'
import random, socket, sys, time
ports = [int(port) for port in sys.argv[1:]]
starts = [b"", b"GET /announce?info_hash=", b"\x13BitTorrent protocol",
          b"\x13BitTorrent protocol" + bytes(48) + bytes(20)]
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent = []
end = time.time() + 60
while time.time() < end:
    for port in ports:
        for _ in range(20):
            noise = random.randbytes(random.randrange(1, 1400))
            head = random.choice([b"", b"d1:ad2:id20:", bytes(8)])
            out.sendto(head + noise, ("127.0.0.1", port))
        for start in starts + [random.randbytes(99)]:
            try:
                call = socket.create_connection(("127.0.0.1", port), 1)
                call.send(start)
                silent.append(call)
            except OSError:
                pass
    if len(silent) > 400:
        silent.pop(random.randrange(300)).close()
    elif len(silent) > 390:
        print("full", flush=True)
    time.sleep(0.02)
END
}

@test "bittorrent: half-open calls and a flood of garbage stop nobody, and take no room" {
    command -v python3 >/dev/null || skip "no python3"
    swarm
    seed=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\).*/\1/p' seed.out)
    flood "$port" "$seed" >flood.out 2>&1 &
    for _ in $(seq 200); do
        grep -q full flood.out && break
        sleep 0.05
    done
    grep -q full flood.out
    run timeout 50 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    echo "$output"
    [ "$status" -eq 0 ]
    cmp from/x.bin to/x.bin
    for program in $(pgrep -P "$(jobs -p | tr '\n' ,)" bittorrent); do
        [[ $bt == *asan* ]] ||
            awk '/VmHWM/ { exit !($2 < 25600) }' "/proc/$program/status"
    done
    kill -0 %3 # the flood went on all the time
}

# crowd PORT INFOHASH: 80 peers at one address, 127.0.0.2, with handshakes as
# they should be, who read all and ask for nothing; who is sent away calls
# again.
crowd() {
    exec python3 - "$@" 3>&- <<'END'
import os, selectors, socket, sys, time
port, infohash = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
calls = selectors.DefaultSelector()
end = time.time() + 60
while time.time() < end:
    while len(calls.get_map()) < 80:
        call = socket.create_connection(("127.0.0.1", port), 5,
                                        ("127.0.0.2", 0))
        call.send(b"\x13BitTorrent protocol" + bytes(8) + infohash +
                  os.urandom(20))
        calls.register(call, selectors.EVENT_READ, 0)
    for key, _ in calls.select(0.1):
        try:
            got = key.fileobj.recv(65536)
        except OSError:
            got = b""
        if got:
            calls.modify(key.fileobj, selectors.EVENT_READ,
                         key.data + len(got))
        else:
            calls.unregister(key.fileobj)
            key.fileobj.close()
    up = sum(key.data >= 68 for key in calls.get_map().values())
    if up == 80:
        print("full", flush=True)
END
}

@test "bittorrent: 80 peers at one address do not keep out one at another" {
    command -v python3 >/dev/null || skip "no python3"
    swarm
    seed=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\).*/\1/p' seed.out)
    crowd "$seed" "$("$bt" info x.torrent | sed -n 's/^infohash //p')" \
        >crowd.out 2>&1 &
    for _ in $(seq 200); do
        grep -q full crowd.out && break
        sleep 0.05
    done
    grep -q full crowd.out
    run timeout 20 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    echo "$output"
    [ "$status" -eq 0 ]
    cmp from/x.bin to/x.bin
    kill -0 %3 # the others were there all the time
}

@test "bittorrent: a folder is seeded from where it lies, and fetched" {
    album
    swarm
    mkdir -p to/album # a part of it is there already
    cp from/album/a.bin to/album
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    [ "$status" -eq 0 ]
    diff -r kept/album to/album
    diff -r kept/album from/album
}

@test "bittorrent: a torrent without a tracker names nodes of the DHT" {
    timeout --foreground 60 "$bt" node --set dht=on --listen "$tracker" \
        </dev/null >node.out 3>&- &
    "$bt" create from/x.bin --node "$tracker" --node localhost:9 \
        --output x.torrent
    [[ $("$bt" info x.torrent) == *"node $tracker"*"node localhost:9"* ]]
    timeout --foreground 60 "$bt" seed x.torrent --folder from \
        --listen 127.0.0.1:0 </dev/null >seed.out 3>&- &
    for _ in $(seq 200); do
        grep -q 'dht: joined, 1 nodes known' seed.out && break
        sleep 0.05
    done
    run timeout 50 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 \
        </dev/null
    echo "$output"
    [ "$status" -eq 0 ]
    cmp from/x.bin to/x.bin
}

@test "bittorrent: create refuses what no peer could be found by" {
    for bad in --tracker=x.example --tracker=https://x.example/ --tracker=udp:// \
        --node=x.example --node=x.example:0 --node=:1 --node=x:65536; do
        run -2 "$bt" create from/x.bin "$bad" --output y.torrent
        [[ $output == "bittorrent: --"*": expected "* ]]
        [ ! -e y.torrent ]
    done
    run -2 "$bt" create from/x.bin --private --node x:1 --output y.torrent
    [[ $output == *"--private: peers come from the tracker alone"* ]]
}

# Four files over pieces of 16 KiB.  b.bin lies in pieces 2 to 5, which also
# hold the end of a.bin and the first 8304 bytes of c.bin.
four_files() {
    mkdir -p from/album
    head -c 40000 /dev/urandom >from/album/a.bin
    head -c 50000 /dev/urandom >from/album/b.bin
    head -c 70000 /dev/urandom >from/album/c.bin
    head -c 100 /dev/urandom >from/album/d.bin
    "$bt" create from/album --piece 16KiB --output x.torrent \
        --tracker "http://$tracker/announce"
}

get_files() {
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 "$@" \
        </dev/null
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "bittorrent: of chosen files come their pieces, and nothing else" {
    four_files
    [[ $("$bt" info x.torrent) == *"file 2 50000 album/b.bin"* ]]
    swarm
    get_files --files 2
    [[ $output == *"100.0% of 50000 bytes"* ]]
    cmp from/album/b.bin to/album/b.bin
    # Of its neighbours only what shares a piece with it: 7232 bytes, and 8304.
    [ "$(echo to/album/*)" = \
        "to/album/a.bin.part to/album/b.bin to/album/c.bin.part" ]
    cmp <(head -c 32768 /dev/zero) <(head -c 32768 to/album/a.bin.part)
    cmp <(tail -c +32769 from/album/a.bin) <(tail -c +32769 to/album/a.bin.part)
    cmp <(head -c 8304 from/album/c.bin) to/album/c.bin.part
    # Later on, others: what is here is not fetched again.
    get_files --files=1,4
    [[ $output == *"% of 40100 bytes"* ]]
    cmp from/album/a.bin to/album/a.bin
    cmp from/album/d.bin to/album/d.bin
    cmp <(head -c 8304 from/album/c.bin) <(head -c 8304 to/album/c.bin.part)
    get_files
    diff -r from/album to/album
}

@test "bittorrent: a choice that makes no sense is refused" {
    four_files
    for bad in 0 5 2-1 1, 1-9 x 1,,2 99999999999; do
        run -2 "$bt" get x.torrent --folder to --files "$bad"
        [[ $output == *"--files $bad: expected numbers from 1 to 4"* ]]
    done
    run -2 "$bt" get x.torrent --folder to --files
    [ ! -e to/album ]
}

@test "bittorrent: padding is neither written nor missed" {
    command -v python3 >/dev/null || skip "no python3"
    mkdir from/album
    head -c 10000 /dev/urandom >from/album/a.bin
    head -c 20000 /dev/urandom >from/album/b.bin
    python3 - "$tracker" >x.torrent <<'END'
import hashlib, sys
a, b = (open("from/album/" + n, "rb").read() for n in ("a.bin", "b.bin"))
whole = a + bytes(6384) + b # BEP 47: b.bin begins with a piece
pieces = b"".join(hashlib.sha1(whole[i:i + 16384]).digest()
                  for i in range(0, len(whole), 16384))
url = b"http://%s/announce" % sys.argv[1].encode()
sys.stdout.buffer.write(
    b"d8:announce%d:%s4:infod5:filesl" % (len(url), url) +
    b"d6:lengthi10000e4:pathl5:a.binee" +
    b"d4:attr1:p6:lengthi6384e4:pathl4:.pad4:6384ee" +
    b"d6:lengthi20000e4:pathl5:b.binee" +
    b"e4:name5:album12:piece lengthi16384e6:pieces%d:%see" %
    (len(pieces), pieces))
END
    [[ $("$bt" info x.torrent) == *"file 2 6384 album/_pad/6384 (padding)"* ]]
    swarm
    get_files
    diff -r from/album to/album
}

@test "bittorrent: files of that name with other bytes are left alone" {
    album
    for there in from/album/a.bin from/x.bin; do
        printf '!' | dd of=$there bs=1 seek=9 conv=notrunc 2>/dev/null
    done
    cp -r from other
    run timeout 30 "$bt" get x.torrent --folder from --listen 127.0.0.1:0 \
        --until 2s </dev/null
    [[ $output == *"a file of that name is here and differs; move it away"* ]]
    diff -r other/album from/album
}

@test "bittorrent: a tracker answers 400 that all call before they ask" {
    timeout --foreground 60 "$bt" tracker --listen "$tracker" \
        </dev/null >tracker.out 3>&- &
    for _ in $(seq 100); do
        grep -q listening tracker.out && break
        sleep 0.05
    done
    run timeout 30 python3 - "$port" <<'EOF'
import socket
import sys

calls = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
         for _ in range(400)]
for n, call in enumerate(calls):
    call.sendall(b"GET /announce?info_hash=%s&peer_id=-XX0000-%012d&port=%d"
                 b"&uploaded=0&downloaded=0&left=1&compact=1 HTTP/1.0\r\n\r\n"
                 % (b"a" * 20, n, 1000 + n))
print(sum(b"8:interval" in call.recv(4096) for call in calls))
EOF
    echo "$output"
    [ "$output" = 400 ]
}

@test "bittorrent: what a tracker warns of is told, and its id repeated" {
    command -v python3 >/dev/null || skip "no python3"
    timeout 30 python3 - "$port" >asked <<'END' 3>&- &
import socket, sys
at = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    link, _ = at.accept()
    print(link.recv(8192).split(b" ")[1:2], flush=True)
    link.sendall(b"HTTP/1.0 200 OK\r\n\r\nd8:intervali1e10:tracker id2:a&"
                 b"15:warning message13:closes at 9pme")
    link.close()
END
    for _ in $(seq 100); do
        (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        sleep 0.05
    done
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 \
        --until 4s </dev/null
    echo "$output"
    [ "$(grep -c "warning at .*: tracker 127.0.0.1, text closes at 9pm" <<<"$output")" -eq 1 ]
    grep -v 'event=started' asked | grep -q "&trackerid=a%26'"
}

@test "bittorrent: without a seed, get says why nothing moves" {
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 \
        --until 3s </dev/null
    [[ $output == *"0.0% of 3000000 bytes, 0 peers, 0.00 copies; "* ]]
    [ ! -e to/x.bin ]
}

# What a bucket of tokens allows: a second's worth at once, then the rate.
fetch_takes_two_seconds() {
    local begun=$SECONDS
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 "$@" \
        </dev/null
    [ "$status" -eq 0 ]
    cmp from/x.bin to/x.bin
    [ $((SECONDS - begun)) -ge 1 ] # SECONDS are whole
}

@test "bittorrent: a seed sends no faster than it may" {
    swarm --set upload=1MB/s
    fetch_takes_two_seconds
}

@test "bittorrent: get takes no more a second than it may" {
    swarm
    fetch_takes_two_seconds --set download=1MB/s
}

@test "bittorrent: a seed leaves when it has sent enough, or in time" {
    swarm --set ratio=100
    seed=$!
    run timeout 30 "$bt" get x.torrent --folder to --listen 127.0.0.1:0 </dev/null
    [ "$status" -eq 0 ]
    wait $seed # 0 by itself; timeout would say 124
    run timeout 30 "$bt" seed x.torrent --folder to --listen 127.0.0.1:0 \
        --until 1s </dev/null
    [ "$status" -eq 0 ]
}

# What the tracker counts: seeds of its one torrent.
seeds() {
    exec 4<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /scrape HTTP/1.0\r\n\r\n' >&4
    tr -d '\0' <&4 | grep -aoE 'completei[0-9]+e' | head -n 1
    exec 4>&-
}

# Source: [bep3] event=stopped, [bep15] event 3.
@test "bittorrent: who leaves tells the tracker, over HTTP and UDP" {
    for way in http udp; do
        "$bt" create from/x.bin --tracker "$way://$tracker/announce" \
            --output x.torrent
        swarm
        seed=$!
        for _ in $(seq 60); do
            [ "$(seeds)" = completei1e ] && break
            sleep 0.05
        done
        [ "$(seeds)" = completei1e ]
        pkill -TERM -P "$seed" # the program under timeout(1)
        wait "$seed"
        [ "$(seeds)" != completei1e ]
        # shellcheck disable=SC2046
        kill $(jobs -p)
        wait || true
    done
}

@test "bittorrent: a .torrent of more than a MiB is taken, one of 17 is not" {
    truncate -s 900M from/large
    "$bt" create from/large --piece 16KiB --output large.torrent
    [ "$(stat -c %s large.torrent)" -gt 1048576 ]
    run timeout 30 "$bt" get large.torrent --folder to --listen 127.0.0.1:0 \
        --until 1s </dev/null
    [[ $output == *"0.0% of 943718400 bytes, 0 peers"* ]]
    {
        printf 'd4:infod6:lengthi14680064000e4:name1:x12:piece lengthi16384e'
        printf '6:pieces17920000:'
        head -c 17920000 /dev/zero
        printf 'ee'
    } >huge.torrent
    [[ $("$bt" info huge.torrent) == *"pieces 896000 of 16384"* ]]
    run -2 "$bt" get huge.torrent --folder to
    [[ $output == *"huge.torrent is too large: at most 16 MiB"* ]]
}

# torrent LENGTH REST...: bad.torrent, whose info dictionary ends with REST.
hostile() {
    printf 'd4:infod%see' "$1" >bad.torrent
    for verb in info get; do
        run -2 timeout 10 "$bt" "$verb" bad.torrent
        [[ $output == *"bad.torrent is no good torrent: $2"* ]] ||
            { echo "$1: $output"; false; }
    done
    [ ! -e t ] && [ ! -e ../x ]
}

@test "bittorrent: hostile torrents, each with its reason" {
    one='12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa'
    files() { printf '5:filesl%se4:name1:t%s' "$1" "$one"; }
    hostile "$(files 'd6:lengthi1e4:pathl2:..1:xee')" "a file's path is empty or would leave"
    hostile "$(files 'd6:lengthi1e4:pathl3:a/bee')" "a file's path is empty or would leave"
    hostile "$(files 'd6:lengthi1e4:pathl0:ee')" "a file's path is empty"
    hostile "$(files 'd6:lengthi1e4:pathlee')" "a file's path is empty"
    hostile "$(files 'd6:lengthi1e4:pathl1:aeed6:lengthi1e4:pathl1:aee')" \
        "two files have the same path"
    hostile "$(files 'd6:lengthi1e4:pathl1:aeed6:lengthi1e4:pathl1:a1:bee')" \
        "two files have the same path"
    for name in 2:.. 4:/etc 0:; do
        hostile "6:lengthi1e4:name$name$one" "the name is missing, empty, or"
    done
    # Pieces that do not fit the length, lengths that overflow.
    for length in 16385 9223372036854775807; do
        hostile "6:lengthi${length}e4:name1:t$one" "the number of hashes does"
    done
    hostile "6:lengthi-1e4:name1:t$one" "the length is negative"
    hostile "6:lengthi99999999999999999999e4:name1:t$one" "it nests too deep, or a"
    file='d6:lengthi9223372036854775807e4:pathl1'
    hostile "$(files "$file:aee$file:bee")" "the files' lengths overflow"
    hostile "6:lengthi1e4:name1:t12:piece lengthi0e6:pieces1:a" "the piece length"
    hostile "6:lengthi1e4:name1:t12:piece lengthi16384e6:pieces1:a" "pieces are no"
    # A bomb of lists in lists, and a hundred thousand files.
    hostile "1:a$(printf 'l%.0s' $(seq 100000))" "it nests too deep"
    hostile "$(files "$(printf 'd6:lengthi0e4:pathl6:%06dee' $(seq 100000))")" \
        "more than 4096 files"
}

@test "bittorrent: a torrent that is none, or leaves its folder, is refused" {
    echo garbage >bad.torrent
    run -2 "$bt" get bad.torrent --folder to
    [[ $output == *"bad.torrent is no good torrent"* ]]
    sed 's/5:x\.bin/5:..\/xy/' x.torrent >dots.torrent
    run -2 "$bt" info dots.torrent
    [[ $output == *"would leave the folder"* ]]
    run -2 "$bt" get nowhere.torrent
    [[ $output == *"cannot read"* ]]
}
