# Wireshark's view of a message is ours: the dissector in labs/wireshark gives
# every field the name and the value that `describe` gives it.

bin=$(realpath "${BIN:-bin}")
of=chord # whose messages

setup() {
    command -v tshark >/dev/null || skip "tshark is missing"
    cd "$BATS_TEST_TMPDIR" || exit 1
}

load described.bash

# The same from tshark.
dissected() {
    tshark -X "lua_script:$BATS_TEST_DIRNAME/../labs/wireshark/$of.lua" \
        -r "$1" -T pdml 2>/dev/null | sed "s/name=\"$of/name=\"chord/" |
        sed -n \
        -e 's/.*<proto name="chord".*/#/p' \
        -e '/name="chord\.\(successors\|fingers\|items\|entries\|peers\)"/d' \
        -e 's/.*name="chord\.type" showname="type: \([A-Z_]*\).* show="\([0-9]*\)".*/type=\2\nis \1/p' \
        -e '/name="chord\.type"/d' \
        -e 's/.*name="chord\.\([a-z_]*\)".* show="\([^"]*\)".*/\1=\2/p' |
        sed -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\&/g'
}

# Every type of TYPES... occurs, and both say the same of all messages.
agree() {
    local trace=$1 type
    shift
    described "$bin/$of" "$trace" >ours
    dissected "$trace" >theirs
    diff ours theirs
    for type in "$@"; do
        grep -qx "is $type" ours || { echo "no $type"; return 1; }
    done
}

@test "dissector: every message of a lookup, by short ids" {
    "$bin/chord" sim "$BATS_TEST_DIRNAME/../labs/chord/lecture.scn" \
        --until 30s --quiet --trace t.pcapng
    agree t.pcapng FIND_SUCC FOUND GET_STATE STATE NOTIFY PING PONG
}

@test "dissector: every message of joins, values and leaves, by long ids" {
    cat >all.scn <<END
seed 3
set bits 160
set join lecture
set vnodes 2
node a
node b join=a
node c join=b
at 10s a put hello some world
after 1s b get hello
after 1s b get nothing
at 15s b put other text
after 1s c put more text
at 20s node d join=a
at 30s c del hello
at 35s c lookup 77
at 40s leave b
run until 50s
END
    for mode in recursive iterative; do
        "$bin/chord" sim all.scn --set mode=$mode --quiet --trace $mode.pcapng ||
            [ $? -eq 1 ]
    done
    "$bin/chord" trace recursive.pcapng iterative.pcapng --quiet --out t.pcapng
    agree t.pcapng FIND_SUCC FOUND NEXT GET_STATE STATE NOTIFY GET_FINGERS \
        FINGERS PING PONG PUT GET DEL VALUE TRANSFER TRANSFER_ACK LEAVE \
        LEAVE_ACK
}

@test "dissector: messages of real processes, on ports of the worksheets" {
    # Three nodes on the lecture's ports would clash with other tests; these
    # are found by their magic.
    ports=(17074 17009 17370)
    for i in 0 1 2; do
        "$bin/chord" node --listen 127.0.0.1:${ports[i]} --set bits=7 \
            $([ $i -gt 0 ] && echo --join 127.0.0.1:${ports[0]}) \
            --set stabilize=200ms --trace n$i.pcapng </dev/null >out$i 2>&1 3>&- &
        pids[i]=$!
        sleep 0.3
    done
    sleep 3
    kill -9 "${pids[2]}"
    kill "${pids[0]}" "${pids[1]}"
    wait "${pids[0]}" "${pids[1]}"
    "$bin/chord" trace n?.pcapng --quiet --out t.pcapng
    agree t.pcapng GET_STATE STATE NOTIFY
    # A message that two of them saw is there once: no request of a sender
    # is delivered twice.
    "$bin/chord" trace t.pcapng --json --filter 'type=GET_STATE' |
        grep -o '"from":"[^"]*"\|"request":[0-9]*' | paste - - >requests
    [ "$(wc -l <requests)" -gt 5 ]
    [ "$(sort requests | uniq -d | wc -l)" -eq 0 ]
}

@test "dissector: the script has no error of its own" {
    "$bin/chord" sim "$BATS_TEST_DIRNAME/../labs/chord/lecture.scn" \
        --until 5s --quiet --trace t.pcapng
    run tshark -X "lua_script:$BATS_TEST_DIRNAME/../labs/wireshark/chord.lua" -r t.pcapng -V
    ! grep -i 'lua error' <<<"$output" || false
}

@test "dissector: scripts beside each other leave each its own messages" {
    "$bin/chord" sim "$BATS_TEST_DIRNAME/../labs/chord/lecture.scn" \
        --until 5s --quiet --trace t.pcapng
    lua=$BATS_TEST_DIRNAME/../labs/wireshark
    tshark -X "lua_script:$lua/chord.lua" -r t.pcapng -Y chord >alone
    tshark -X "lua_script:$lua/chord.lua" -X "lua_script:$lua/kelips.lua" \
        -X "lua_script:$lua/pastry.lua" -r t.pcapng -Y chord >together
    [ -s alone ]
    diff alone together
}

@test "dissector: every message of Kelips" {
    of=kelips
    cat >all.scn <<END
set groups 2
node a id=1 share=song:1KiB
node b id=2 join=a
node c id=3 join=a
node d id=4 join=b
at 20s d get song
at 21s c insert 6 some text
at 25s a get 6
at 30s a lookup 8
at 31s d lookup 9
run until 40s
END
    "$bin/kelips" sim all.scn --quiet --trace t.pcapng || [ $? -eq 1 ]
    agree t.pcapng JOIN WELCOME GOSSIP LOOKUP FOUND INSERT FETCH DATA PING PONG
}

@test "dissector: every message of Pastry" {
    of=pastry
    cat >all.scn <<END
set base 4
set digits 4
node a id=0123
node b id=1230 join=a
node c id=2301 join=a
at 5s c put 0011 some text
after 1s b get 0011
after 1s b lookup 3333
at 20s node d id=3012 join=b
at 30s leave b
run until 40s
END
    "$bin/pastry" sim all.scn --quiet --trace t.pcapng
    agree t.pcapng ROUTE ACK REACHED GET STATE PING PONG ANNOUNCE LEAVE STORE \
        STORED
}

# Wireshark has its own dissectors for these.
agree_on_bittorrent() { # SCENARIO TYPE...
    local type
    "$bin/bittorrent" sim "$1" --quiet --trace t.pcapng
    shift
    "$bin/bittorrent" trace t.pcapng --json --addresses >t.json
    for type; do
        grep -q "\"message\":\"$type\".*\"state\":\"delivered\"" t.json ||
            { echo "no $type"; return 1; }
    done
    python3 "$BATS_TEST_DIRNAME/bittorrent_dissected.py" ours <t.json >ours
    tshark -r t.pcapng -d tcp.port==7000,bittorrent -d udp.port==7000,bt-dht \
        -Y 'frame.interface_name == "wire" && (bittorrent || bt-dht)' \
        -T pdml 2>/dev/null |
        python3 "$BATS_TEST_DIRNAME/bittorrent_dissected.py" theirs >theirs
    diff ours theirs
}

@test "dissector: every message of BitTorrent's peers and of its DHT" {
    python3 -c "" 2>/dev/null || skip "python3 is missing"
    cat >all.scn <<END
seed 3
set dht on
set fast 2
set upload 200kB/s
set slots 1
set optimistic 2s
set rechoke 1s
node tracker role=tracker
node origin join=tracker share=song.ogg:600KiB
at 1s nodes 3 prefix=p join=origin get=song.ogg
run until 30s
END
    cat >silent.scn <<END
node origin choker=freerider share=song.ogg:600KiB
at 1s node p1 join=origin get=song.ogg
run until 130s
END
    agree_on_bittorrent all.scn HANDSHAKE CHOKE UNCHOKE INTERESTED \
        NOT_INTERESTED HAVE BITFIELD REQUEST PIECE CANCEL PORT HAVE_ALL \
        HAVE_NONE REJECT ALLOWED_FAST EXTENDED PING FIND_NODE GET_PEERS ANNOUNCE_PEER \
        NODES PEERS REPLY
    agree_on_bittorrent silent.scn KEEP_ALIVE
}

# Ask the tracker on PORT for all that a tracker may be asked for, sense and
# nonsense; a bad connection id, too.
ask_tracker() { # PORT
    python3 - "$1" <<'END'
import socket, struct, sys
at = ("127.0.0.1", int(sys.argv[1]))
infohash = bytes(range(120, 140))
def http(target):
    with socket.create_connection(at, 5) as call:
        call.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        while call.recv(65536):
            pass
quoted = "".join(f"%{byte:02x}" for byte in infohash)
# An empty string at the end of a dictionary is none to tshark 4.0: the first
# to announce asks for a list.
for port, compact in (7001, 0), (7002, 1), (7003, 0):
    http(f"/announce?info_hash={quoted}&peer_id=-XX0001-{port:012}&port={port}"
         f"&uploaded=1&downloaded=2&left=3&event=started&compact={compact}")
for target in (f"/scrape?info_hash={quoted}", "/scrape", "/announce?port=1",
               "/nothing"):
    http(target)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(at)
udp.settimeout(5)
def ask(message):
    udp.send(message)
    return udp.recv(2000)
link = ask(struct.pack(">QII", 0x41727101980, 0, 77))[8:16]
ask(link + struct.pack(">II20s20sQQQIIIiH", 1, 78, infohash, bytes(range(20)),
                       10, 11, 12, 2, 0, 99, -1, 7004) + b"\x02\x05/path\0")
ask(link + struct.pack(">II", 2, 79) + infohash + bytes(20))
ask(link[::-1] + struct.pack(">II", 2, 80) + infohash)
END
}

# tshark 4.0 decodes HTTP and what is bencoded; UDP trackers it does not (later
# ones do), and for these there is a script of ours.
@test "dissector: every message of BitTorrent's trackers, over HTTP and UDP" {
    python3 -c "" 2>/dev/null || skip "python3 is missing"
    port=$((20000 + (BASHPID + BATS_TEST_NUMBER * 7) % 9000))
    "$bin/bittorrent" tracker --listen 127.0.0.1:$port --trace t.pcapng \
        </dev/null >out 2>&1 3>&- &
    for _ in $(seq 100); do
        grep -q listening out && break
        sleep 0.05
    done
    mkdir from
    for scheme in http udp; do
        echo "a file of $scheme" >from/$scheme
        "$bin/bittorrent" create from/$scheme --output $scheme.torrent \
            --tracker $scheme://127.0.0.1:$port/announce
        "$bin/bittorrent" seed $scheme.torrent --folder from --until 1s \
            --listen 127.0.0.1:0 </dev/null
    done
    ask_tracker $port
    kill %1
    wait %1
    "$bin/bittorrent" trace t.pcapng --json --addresses >t.json
    for type in HTTP_ANNOUNCE HTTP_SCRAPE HTTP_ANSWER CONNECT CONNECTED \
        ANNOUNCE ANNOUNCED SCRAPE SCRAPED TRACKER_ERROR; do
        grep -q "\"message\":\"$type\"" t.json || { echo "no $type"; return 1; }
    done
    python3 "$BATS_TEST_DIRNAME/tracker_dissected.py" ours <t.json >ours
    tshark -X "lua_script:$BATS_TEST_DIRNAME/../labs/wireshark/bittorrent.lua" \
        -r t.pcapng -d tcp.port==$port,http -Y 'http || bttracker' \
        -T pdml 2>/dev/null |
        python3 "$BATS_TEST_DIRNAME/tracker_dissected.py" theirs >theirs
    diff ours theirs
    [ "$(grep -c '^ANNOUNCE ' ours)" -ge 3 ]
}
