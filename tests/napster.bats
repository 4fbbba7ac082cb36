# What Napster must show: the reference's payloads on real sockets, files
# between real processes, and peers that misbehave.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    napster=$PWD/${BIN:-bin}/napster
    case ${BIN:-bin} in /*) napster=$BIN/napster ;; esac
    dir=$(mktemp -d)
    declare -gA pid port
}

teardown() {
    for name in "${!pid[@]}"; do
        kill -9 "${pid[$name]}" 2>/dev/null || true
    done
    rm -rf "$dir"
}

# start NAME VERB [OPTION...]: a node whose commands come from $dir/NAME.in
start() {
    local name=$1
    shift
    mkfifo "$dir/$name.in" 2>/dev/null || true
    "$napster" "$@" --listen "127.0.0.1:${port[$name]:-0}" <>"$dir/$name.in" \
        >"$dir/$name.out" 2>&1 &
    pid[$name]=$!
    for _ in $(seq 100); do
        grep -q listening "$dir/$name.out" && break
        sleep 0.05
    done
    addr=$(grep -o '127.0.0.1:[0-9]*' "$dir/$name.out" | head -1)
}

tell() { echo "${*:2}" >"$dir/$1.in"; }

# until NAME TEXT: its output has it
until_says() {
    for _ in $(seq 200); do
        grep -q -- "$2" "$dir/$1.out" && return 0
        sleep 0.05
    done
    cat "$dir/$1.out"
    return 1
}

# frame TYPE [TEXT]: one message on standard output
frame() {
    local n=${#2}
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((n & 255)) $((n >> 8)) \
        $(($1 & 255)) $(($1 >> 8)))"
    printf %s "$2"
}

# What comes on a file descriptor within a while after its first byte, a message
# a line: answers FD [WHILE [PATIENCE]].
answers() {
    { timeout "${3:-5}" head -c 1; timeout "${2:-0.5}" cat; } <&"$1" | od -An -v -tu1 -w1 | awk '
        { byte[n++] = $1 }
        END {
            at = 0
            while (at + 4 <= n) {
                len = byte[at] + 256 * byte[at + 1]
                line = byte[at + 2] + 256 * byte[at + 3]
                for (i = 0; i < len; i++) line = line (i ? "" : " ") \
                    sprintf("%c", byte[at + 4 + i])
                print line
                at += 4 + len
            }
        }'
}

song='C:\MP3\generic band - generic song.mp3'
md5=b92870e0d41bc8e698cf2f0a1ddfeac7

@test "napster: the reference's dialogue, payload by payload" {
    start s server
    exec 7<>"/dev/tcp/127.0.0.1/${addr#*:}" 8<>"/dev/tcp/127.0.0.1/${addr#*:}"
    frame 2 'alice pw 6699 "nap v0.8" 3' >&7
    frame 100 "\"$song\" $md5 443332 128 44100 60" >&7
    [ "$(answers 7)" = $'3 anon@napster\n214 1 0 0' ]
    frame 2 'bob pw 0 "nap v0.8" 7' >&8
    frame 200 'FILENAME CONTAINS "generic song" MAX_RESULTS 10' >&8
    frame 203 "alice \"$song\"" >&8
    frame 211 alice >&8
    frame 603 alice >&8
    frame 200 'FILENAME CONTAINS "gener"' >&8
    frame 200 'BITRATE "SORT OF" 128' >&8
    frame 9999 '' >&8
    frame 100 'bad' >&8
    frame 203 'nobody "x"' >&8
    run answers 8
    [ "${lines[2]}" = "201 \"$song\" $md5 443332 128 44100 60 alice 16777343 3" ]
    [ "${lines[3]}" = 202 ]
    [ "${lines[4]}" = "212 alice \"$song\" $md5 443332 128 44100 60" ]
    [ "${lines[5]}" = "213 alice 16777343" ]
    [[ "${lines[6]}" = '604 alice "User" '?*' " " "Active" 1 0 0 3 "nap v0.8"' ]]
    [ "${lines[7]}" = 202 ]
    [ "${lines[8]}" = "404 SORT OF: invalid comparison for search" ]
    [ "${lines[9]}" = 202 ]
    [ "${lines[10]}" = "404 Unknown command code 9999" ]
    [ "${lines[11]}" = "404 parameters are unparsable" ]
    [ "${lines[12]}" = '206 nobody "x"' ]
    [ "$(answers 7)" = "607 bob \"$song\"" ]
    frame 608 "bob \"$song\"" >&7
    [ "$(answers 8)" = "204 alice 16777343 6699 \"$song\" $md5 3" ]
}

@test "napster: what is wrong is answered, and harms nobody else" {
    start s server
    p=${addr#*:}
    exec 7<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'carol pw 6699 "nap" 3' >&7
    answers 7 >/dev/null
    # login and its answer, or none, then the end of the connection
    while IFS='|' read -r type text want; do
        exec 9<>"/dev/tcp/127.0.0.1/$p"
        frame "$type" "$text" >&9
        got=$(answers 9)
        [ "$got" = "$want" ] || { echo "$type $text: $got"; false; }
        exec 9>&-
    done <<'WRONG'
2|da.ve pw 6699 "nap" 3|10
2|dave pw 6699 "nap"|
2|dave pw 6699 "nap" 11|0 invalid speed
2|dave pw 65536 "nap" 3|0 invalid port
200|FILENAME CONTAINS "x"|0 invalid command
7|carol|8
WRONG
    exec 9<>"/dev/tcp/127.0.0.1/$p"
    printf '\xff\xff\x02\x00' >&9
    [ -z "$(answers 9 0 0.5)" ]
    frame 750 '' >&7
    [ "$(answers 7)" = 750 ]
}

@test "napster: people, channels, kinds of files, as the reference has them" {
    start s server --set stats=1h # none unasked, on however slow a machine
    p=${addr#*:}
    exec 7<>"/dev/tcp/127.0.0.1/$p" 8<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'alice pw 6699 "nap" 3' >&7
    frame 2 'bob pw 0 "nap" 7' >&8
    frame 10300 "\"clips\\funny clip.avi\" 9000 $md5 video" >&7
    for i in $(seq 510); do
        frame 100 "\"song number $i\" $md5 5 128 44100 60"
    done >&7
    [ "$(answers 7 | tail -n 1)" = "214 1 0 0" ]
    answers 8 >/dev/null
    # what bob says, and all that he hears of it
    while IFS='|' read -r type text want; do
        frame "$type" "$text" >&8
        patience=5
        [ -n "$want" ] || patience=0.3
        got=$(answers 8 0.2 "$patience" | paste -sd';')
        [ "$got" = "$want" ] || { echo "$type $text: $got"; false; }
    done <<END
200|   |404 invalid search request;202
200|FILENAME CONTAINS "clip"|202
200|FILENAME CONTAINS "clip" TYPE any|404 any: invalid type for search;202
200|TYPE video FILENAME CONTAINS "clip"|201 "clips\\funny clip.avi" $md5 9000 0 0 0 alice 16777343 3;202
10300|"x" 9000 $md5 hat|404 parameters are unparsable
7|zoe|8
14|NAME:x ADDRESS:y|
652||404 permission denied
600|alice|601 alice 3
600|zoe|404 User is not currently online.
751|zoe|404 ping failed, zoe is not online
205|zoe hello|404 User is not currently online.
207|alice|301 alice;209 alice 3
207|alice|301 alice;209 alice 3
207|zo?e|302 zo?e
211|zoe|210 zoe;213 zoe
320||320 0
322|alice|322 alice
322|ALICE|325 ALICE
322|zo?e|404 invalid nick
320||321 alice;320 1
323|zoe|324 zoe
323|alice|323 alice
322|alice|322 alice
326||326 1
320||320 0
500|alice "song number 1"|404 alice is not firewalled
608|alice "x"|404 Not sharing that file
102|x|404 Not sharing that file
215|x|404 parameters are unparsable
2|bob pw 0 "nap" 7|404 you are already logged in
400|#test|405 #test;408 #test bob 0 7;409 #test;410 #test Welcome to the #test channel.
617||618 #test 1 Welcome to the #test channel.;617
410|#test|410 #test Welcome to the #test channel.
402|#test hello all|403 #test bob hello all
824|#test "waves"|824 #test bob "waves"
402|#other x|404 You are not on that channel
640|alice|
641|alice|
642|alice "no"|
626|alice|
205|alice how  are you|
END
    [ "$(answers 7 | paste -sd';')" = "$(printf '%s;' '640 bob' \
        '641 bob 16777343 0' '642 bob "no"' '626 bob')205 bob how  are you" ]
    frame 322 alice >&8 # whom bob ignores, he does not hear
    frame 205 'bob hello' >&7
    [ "$(answers 7)" = "404 bob is ignoring you" ]
    [ "$(answers 8)" = "322 alice" ]
    frame 640 bob >&7 # who has to dial is told where
    [ "$(answers 8)" = "640 alice 16777343 6699" ]
    frame 211 alice >&8
    [ "$(answers 8 1 | grep -c '^212 ')" -eq 511 ]
    frame 211 'alice 1000' >&8
    [ "$(answers 8 1 | grep -c '^212 ')" -eq 500 ]
    exec 7>&-
    [ "$(answers 8)" = "210 alice" ] # once, though asked for twice
}

@test "napster: all are told the statistics now and then, unasked" {
    start s server --set stats=1s
    exec 7<>"/dev/tcp/127.0.0.1/${addr#*:}"
    frame 2 'alice pw 6699 "nap" 3' >&7
    [[ "$(answers 7 | paste -sd';')" = "3 anon@napster;214 1 0 0"* ]]
    frame 100 "\"$song\" $md5 443332 128 44100 60" >&7
    for _ in 1 2 3 4 5; do
        told=$(answers 7 0.1)
        [[ "$told" = *"214 1 1 0"* ]] && break
    done
    [[ "$told" = *"214 1 1 0"* ]]
}

@test "napster: who was here is told with the time of day" {
    start s server
    exec 7<>"/dev/tcp/127.0.0.1/${addr#*:}" 8<>"/dev/tcp/127.0.0.1/${addr#*:}"
    frame 6 'dave pw 6699 "nap" 3 d@x' >&7
    frame 2 'bob pw 0 "nap" 7' >&8
    answers 7 >/dev/null
    answers 8 >/dev/null
    exec 7>&-
    sleep 0.2
    frame 603 dave >&8
    run answers 8
    [[ "$output" = '605 dave "User" '* ]]
    seen=${output##* }
    now=$(date +%s)
    ((seen >= now - 5 && seen <= now + 1))
}

@test "napster: a user's list, asked of itself, past a firewall too" {
    mkdir "$dir/a" "$dir/b" "$dir/d"
    echo one >"$dir/a/lonely song.ogg"
    echo second >"$dir/a/other.ogg"
    cp -r "$dir/a" "$dir/c"
    start s server
    server=$addr
    start alice node --join "$server" --name alice --folder "$dir/a"
    data=${addr#*:}
    start bob node --join "$server" --name bob --folder "$dir/b" \
        --trace "$dir/bob.pcapng"
    start carol node --join "$server" --name carol --folder "$dir/c" \
        --set firewalled=yes
    start dan node --join "$server" --name dan --set firewalled=yes \
        --folder "$dir/d"
    sleep 1
    exec 9<>"/dev/tcp/127.0.0.1/$data" # nobody has asked through the server
    printf GETLIST >&9
    [ "$(timeout 3 cat <&9)" = "1INVALID REQUEST" ]
    for owner in alice carol; do
        tell bob list $owner # the names are in no order: the first of both
        until_says bob "list $owner at bob: hits 2"
        tell bob get 1
        until_says bob "get 1 at bob: file"
        diff <(cat "$dir/b/"*.ogg) <(cat "$dir/a/$(ls "$dir/b" | grep ogg)")
        rm "$dir/b/"*.ogg
        kill -9 "${pid[bob]}" # which forgets that it had the file
        start bob node --join "$server" --name bob --folder "$dir/b" \
            --trace "$dir/bob-$owner.pcapng"
        sleep 1
    done
    grep -aq GETLIST "$dir/bob.pcapng"
    grep -aq 'SENDLIST carol' "$dir/bob-alice.pcapng"
    tell dan list carol # both are behind one
    until_says dan "list carol at dan: FAILED"
    tell bob list nobody
    until_says bob "list nobody at bob: FAILED"
    kill -STOP "${pid[alice]}"
    tell bob list alice # it cannot answer: the server is asked all the same
    tell bob search lonely
    until_says bob "FAILED, error the user does not answer" ||
        until_says bob "FAILED, error the user does not answer" # 20 s
    until_says bob "search lonely at bob: hits 2"
}

@test "napster: floods of noise, and downloaders that never read: others are served" {
    mkdir "$dir/a" "$dir/c"
    head -c 60000000 /dev/zero >"$dir/a/long song.bin"
    long=$(printf %0200d 0)
    for i in $(seq 3000); do : >"$dir/a/f$i-$long"; done
    start s server
    server=$addr
    start alice node --join "$server" --name alice --folder "$dir/a"
    data=${addr#*:}
    start carol node --join "$server" --name carol --folder "$dir/c"
    for _ in 1 2 3 4; do # noise at the server and at a data port
        for p in "${server#*:}" "$data"; do
            (head -c 3000000 /dev/urandom >"/dev/tcp/127.0.0.1/$p") \
                2>/dev/null || true
        done
    done
    exec 7<>"/dev/tcp/127.0.0.1/${server#*:}"
    frame 2 'deaf pw 0 "nap" 3' >&7
    answers 7 >/dev/null
    frame 203 'alice "long song.bin"' >&7
    frame 640 alice >&7
    [ "$(answers 7 | cut -d' ' -f1 | sort | paste -sd' ')" = "204 641" ]
    exec 8<>"/dev/tcp/127.0.0.1/$data" 9<>"/dev/tcp/127.0.0.1/$data"
    printf 'GETdeaf "long song.bin" 0' >&8
    printf GETLIST >&9
    sleep 0.5
    tell alice show
    until_says alice "uploads 1"
    tell carol search long song
    until_says carol "hits 1"
    tell carol get 1
    until_says carol "get 1 at carol: file"
    cmp "$dir/a/long song.bin" "$dir/c/long song.bin"
    for who in s alice; do
        [ "$(awk '/VmHWM/ { print $2 }' "/proc/${pid[$who]}/status")" -lt 20000 ]
    done
}

@test "napster: a metaserver that is silent, and one whose line has no end" {
    python=$(command -v python3) || skip "no python3"
    start s server
    "$python" - "$addr" >"$dir/meta.out" 3>&- <<'END' &
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
silent = s.accept()
s.accept()[0].sendall(sys.argv[1].encode())
END
    pid[meta]=$!
    until_says meta '[0-9]'
    SECONDS=0
    start bob node --join "127.0.0.1:$(cat "$dir/meta.out")" --set meta=yes \
        --name bob --folder "$dir"
    until_says meta 'gone' >/dev/null || true # 10 s pass
    for _ in $(seq 10); do
        tell bob show
        sleep 0.5
        grep -q online "$dir/bob.out" && break
    done
    grep -q online "$dir/bob.out" && ((SECONDS >= 10))
}

@test "napster: a holder whose port is closed hears so, 626" {
    start s server
    exec 7<>"/dev/tcp/127.0.0.1/${addr#*:}"
    frame 2 'alice pw 9 "nap" 3' >&7
    frame 100 "\"$song\" $md5 443332 128 44100 60" >&7
    start bob node --join "$addr" --name bob --folder "$dir"
    sleep 0.5
    tell bob search generic
    sleep 0.2
    frame 752 bob >&7
    until_says bob "hits 1"
    tell bob get 1
    sleep 0.3
    frame 608 "bob \"$song\"" >&7
    answers 7 1 | grep -qx "626 bob"
}

@test "napster: a holder that never answers hears so too, 626" {
    cat >"$dir/deaf.scn" <<'END'
seed 1
latency 100ms
node server role=server
node amy join=server share=song.ogg:64KiB
node cat join=server
at 3s cat search song
at 6s cat get song.ogg
at 6250ms vanish amy # she has been asked, and will not be dialled
run until 72s
END
    "$napster" sim "$dir/deaf.scn" >"$dir/said"
    [ "$(grep -c 'cat *server PORT_ERROR nick amy' "$dir/said")" -eq 1 ]
    # 30 s for a dial, and 30 s for a word on the next request
    [ "$(grep -c 'cat *server DOWNLOAD nick amy' "$dir/said")" -eq 3 ]
    sed -i 's/^at 6s.*/at 6s cat list amy/' "$dir/deaf.scn"
    "$napster" sim "$dir/deaf.scn" >"$dir/said" || [ $? -eq 1 ]
    [ "$(grep -c 'cat *server PORT_ERROR nick amy' "$dir/said")" -eq 1 ]
    grep -q '^ *list amy at cat: FAILED' "$dir/said"
}

@test "napster: a metaserver names its servers in turn" {
    start m metaserver --set servers=127.0.0.1:7001,127.0.0.1:7002
    for port in 7001 7002 7001; do # and each line is all that it says
        [ "$(timeout 5 cat <"/dev/tcp/127.0.0.1/${addr#*:}")" = "127.0.0.1:$port" ]
    done
    printf '%s\n' 'seed 1' 'node s role=server' 'node t role=server' \
        'node m role=metaserver servers=s,t' 'node a join=m meta=yes' \
        'node b join=m meta=yes' 'run until 5s' >"$dir/two.scn"
    "$napster" sim "$dir/two.scn" | grep LOGIN_OK | awk '{ print $3 }' |
        sort | paste -sd' ' | grep -x 's t'
}

@test "napster: a holder whose slots are full says so, and serves in its time" {
    { printf '%s\n' 'seed 1' 'latency 20ms' 'bandwidth up 4MB/s down 4MB/s' \
        'node server role=server' 'node amy join=server share=song.ogg:1MiB'
    seq -f 'node c%g join=server' 17
    seq -f 'at 3s c%g search song' 17
    seq -f 'at 6s c%g get song.ogg' 16
    printf '%s\n' 'at 7s c17 get song.ogg' 'run until 20s'; } >"$dir/busy.scn"
    "$napster" sim "$dir/busy.scn" >"$dir/said"
    [ "$(grep -c 'amy *server QUEUE_LIMIT nick c17 .* limit 16' "$dir/said")" -eq 2 ]
    [ "$(grep -c 'server *c17 *QUEUED nick amy' "$dir/said")" -eq 2 ]
    [ "$(grep -c 'get song.ogg at c.*: file song.ogg' "$dir/said")" -eq 17 ]
}

@test "napster: what others' programs say to our server and our client" {
    python=$(command -v python3) || skip "no python3"
    "$python" tests/napster_peer.py "$napster" server
    "$python" tests/napster_peer.py "$napster" client
}

@test "napster: noise without end at a data port ends it, and no other transfer" {
    mkdir "$dir/a" "$dir/b"
    echo hello >"$dir/a/lonely-song.ogg"
    start s server
    server=$addr
    start alice node --join "$server" --name alice --folder "$dir/a"
    data=${addr#*:}
    start bob node --join "$server" --name bob --folder "$dir/b"
    sleep 0.5
    # GET without an end, an endless offset, an endless line, an unasked SEND
    for noise in 'GETbob "' 'GETbob "lonely-song.ogg" ' 'x'; do
        exec 9<>"/dev/tcp/127.0.0.1/$data"
        (printf %s "$noise"; head -c 100000 /dev/zero | tr '\0' 1) >&9 2>/dev/null || true
        got=$(timeout 3 cat <&9 2>/dev/null | head -c 64)
        [[ "$got" = 1 || "$got" = "1INVALID REQUEST" ]] ||
            { echo "$noise: $got"; false; }
        exec 9>&-
    done
    exec 9<>"/dev/tcp/127.0.0.1/$data"
    printf 'SENDeve "x" 5' >&9
    [ "$(timeout 3 cat <&9 | head -c 64)" = "1INVALID REQUEST" ]
    tell bob search lonely
    until_says bob "hits 1"
    tell bob get 1
    until_says bob "get 1 at bob: file"
    cmp "$dir/a/lonely-song.ogg" "$dir/b/lonely-song.ogg"
    [ "$(awk '/VmRSS/ { print $2 }' "/proc/${pid[alice]}/status")" -lt 50000 ]
}

# A server, alice with 400 MB, and bob who has begun to fetch them; alice is
# stopped in the middle, so that what dies next dies in the middle too.
half_a_song() {
    mkdir "$dir/a" "$dir/b"
    head -c 400000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 \
        >"$dir/a/long-song.bin" 2>/dev/null
    start s server
    server=$addr
    port[s]=${addr#*:}
    start alice node --join "$server" --name alice --folder "$dir/a"
    port[alice]=${addr#*:}
    start bob node --join "$server" --name bob --folder "$dir/b"
    sleep 1.5
    tell bob search long
    until_says bob "hits 1"
    tell bob get 1
    for _ in $(seq 500); do
        [ "$(stat -c %b "$dir/b/"*.part 2>/dev/null || echo 0)" -gt 100000 ] &&
            break
        sleep 0.01
    done
    kill -STOP "${pid[alice]}"
}

@test "napster: a downloader is killed, and goes on where it was" {
    half_a_song
    kill -9 "${pid[bob]}"
    kill -CONT "${pid[alice]}"
    [ ! -e "$dir/b/long-song.bin" ]
    start bob node --join "$server" --name bob --folder "$dir/b" \
        --trace "$dir/bob.pcapng"
    sleep 1
    tell bob search long
    until_says bob "hits 1"
    tell bob get 1
    until_says bob "get 1 at bob: file"
    cmp "$dir/a/long-song.bin" "$dir/b/long-song.bin"
    from=$(grep -aoE -m 1 'GETbob "long-song.bin" [0-9]+' "$dir/bob.pcapng")
    [ "${from##* }" -gt 10000000 ]
}

@test "napster: a download is drawn on a terminal, and only there" {
    command -v script >/dev/null || skip "no script"
    mkdir "$dir/a" "$dir/b" "$dir/c"
    head -c 300000000 /dev/zero >"$dir/a/long-song.bin"
    start s server
    server=$addr
    start alice node --join "$server" --name alice --folder "$dir/a"
    sleep 1
    words() { sleep 1; echo search long; sleep 1; echo get 1; sleep 4; echo leave; }
    words | timeout 30 script -qec "'$napster' node --join $server --name bob \
        --listen 127.0.0.1:0 --folder '$dir/b'" /dev/null >"$dir/shown"
    words | timeout 30 "$napster" node --join "$server" --name cat \
        --listen 127.0.0.1:0 --folder "$dir/c" >"$dir/piped"
    grep -q '\[[#.]*\] *[0-9]*%, from alice' "$dir/shown"
    grep -q 'get 1 at' "$dir/piped"
    ! grep -q '%, from' "$dir/piped" || false
}

@test "napster: a nick is registered once, and kept as a salted hash" {
    start s server --folder "$dir/server"
    p=${addr#*:}
    exec 9<>"/dev/tcp/127.0.0.1/$p"
    frame 6 'dave secretword 6699 "nap" 3 d@x' >&9
    [[ "$(answers 9)" = "3 "* ]]
    exec 9>&-
    ! grep -r secretword "$dir/server" || false
    kill -9 "${pid[s]}"
    port[s]=$p
    start s server --folder "$dir/server"
    exec 9<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'dave wrong 6699 "nap" 3' >&9
    [ "$(answers 9)" = "0 Invalid Password" ]
    exec 9<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'dave secretword 6699 "nap" 3' >&9
    [[ "$(answers 9)" = "3 "* ]]
    frame 701 otherword >&9 # and what he changes is kept as well
    frame 702 new@x >&9
    frame 750 '' >&9
    [ "$(answers 9)" = 750 ]
    exec 9>&-
    kill -9 "${pid[s]}"
    start s server --folder "$dir/server"
    exec 9<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'dave otherword 6699 "nap" 3' >&9
    [[ "$(answers 9)" = "3 new@x"* ]]
}

@test "napster: files between processes, past kill -9 of the holder" {
    half_a_song
    kill -9 "${pid[alice]}"
    [ ! -e "$dir/b/long-song.bin" ]
    start alice node --join "$server" --name alice --folder "$dir/a" \
        --trace "$dir/alice.pcapng"
    until_says bob "get 1 at bob: file"
    cmp "$dir/a/long-song.bin" "$dir/b/long-song.bin"
    from=$(grep -aoE -m 1 'GETbob "long-song.bin" [0-9]+' "$dir/alice.pcapng")
    [ "${from##* }" -gt 10000000 ] # and not from the beginning
}

@test "napster: of twenty who ask at once sixteen are served" {
    {
        printf 'bandwidth up 100kB/s down 10MB/s\nnode server role=server\n'
        printf 'node amy join=server share=song.ogg:4MiB\n'
        printf 'nodes 20 prefix=u join=server\n'
        printf 'at 5s u%s search song\n' {1..20}
        printf 'at 8s u%s get 1\n' {1..20}
        printf 'run until 14s\n'
    } >"$dir/ask.scn"
    "$napster" show "$dir/ask.scn" --at 12s node amy | grep ' 16 up'
    "$napster" show "$dir/ask.scn" --at 12s invariants
}

@test "napster: a downloader that reads no more holds a slot for 30 s" {
    cat >"$dir/deaf.scn" <<'END'
bandwidth up 1MB/s down 1MB/s
node server role=server
node amy join=server share=song.ogg:64MiB
node bob join=server
at 3s bob search song
at 6s bob get 1
at 8s vanish bob
run until 60s
END
    "$napster" show "$dir/deaf.scn" --at 30s node amy | grep ' 1 up'
    "$napster" show "$dir/deaf.scn" --at 45s node amy | grep ' 0 up'
}

@test "napster: a new folder, and a name that no message can hold, are said" {
    start s server
    server=$addr
    start alice node --join "$server" --name alice --folder "$dir/a"
    grep -q "^napster: note: folder $dir/a was not there" "$dir/alice.out"
    kill -9 "${pid[alice]}"
    echo 1 >"$dir/a/a \"quote\".ogg"
    echo 2 >"$dir/a/song.ogg"
    start alice node --join "$server" --name alice --folder "$dir/a"
    [ "$(grep -c note: "$dir/alice.out")" -eq 0 ]
    until_says alice 'FAILED, file a "quote".ogg'
    grep -q 'not shared: no message can hold this name' "$dir/alice.out"
    start bob node --join "$server" --name bob
    tell bob browse alice
    until_says bob 'browse alice at bob: hits 1'
}

@test "napster: a file name never leaves the folder" {
    mkdir -p "$dir/b/in"
    start s server
    server=$addr
    exec 7<>"/dev/tcp/127.0.0.1/${server#*:}"
    frame 2 'mallory pw 1 "nap" 3' >&7
    frame 100 "\"../../evil word.sh\" $md5 5 128 44100 60" >&7
    frame 100 "\".. word\" $md5 5 128 44100 60" >&7
    frame 100 "\"$(printf 'a\033[2Jb') word.x\" $md5 5 128 44100 60" >&7
    start bob node --join "$server" --name bob --folder "$dir/b/in"
    sleep 1
    tell bob search word
    until_says bob "hits 3"
    ! grep -q $'\033' "$dir/bob.out" || false
    for i in 1 2 3; do tell bob get $i; done
    sleep 1
    [ -z "$(find "$dir/b" -name '*.sh*' -not -path "$dir/b/in/*")" ]
    ! grep -q $'\033' "$dir/bob.out" || false
}

@test "napster: every example of a fact works" {
    "$napster" show --help | grep -o '([a-z-]* *[^)]*)' | tr -d '()' |
        sort -u >"$dir/facts"
    [ "$(wc -l <"$dir/facts")" -gt 12 ]
    while read -r fact; do
        # shellcheck disable=SC2086
        "$napster" show labs/napster/lecture.scn $fact ||
            { echo "fails: $fact"; false; }
    done <"$dir/facts"
}

# Each message's fields on a line; of what has no frame, only that it is there.
lines() { tr '\n' ' ' | sed 's/ #/\n#/g' | grep -v ' \(bytes\|data\)=' | sort; }

@test "napster: tshark decodes every field as describe does" {
    command -v tshark >/dev/null || skip "no tshark"
    load described.bash
    cat >"$dir/all.scn" <<'END'
seed 5
node server role=server motd=Welcome
node meta role=metaserver join=server
node amy join=meta meta=yes register=yes share=chord-a.ogg:64KiB,b.ogg:0KiB
node bob join=server share=chord-c.ogg:20KiB,d.ogg:3KiB firewalled=yes
node cat join=server
at 3s cat search chord
at 6s cat get chord-a.ogg
at 8s cat get chord-c.ogg
at 9s cat search MAX_RESULTS none
at 10s cat browse bob
at 11s cat browse nobody
at 12s cat hotlist bob
at 13s cat whois amy
at 13s cat whois nobody
at 14s cat join room
at 15s bob join room
at 16s cat say room hello all of you
at 17s bob part room
at 18s bob unshare d.ogg
at 19s cat stats
at 19s cat list amy
at 19500ms cat list bob
at 20s leave bob
run until 30s
END
    "$napster" sim "$dir/all.scn" --quiet --trace "$dir/t.pcapng" || [ $? -eq 1 ]
    described "$napster" "$dir/t.pcapng" >"$dir/fields"
    for type in 2 3 6 100 102 200 201 202 203 204 209 210 211 212 213 214 \
        218 219 220 221 207 301 400 401 402 403 404 405 406 407 408 409 410 \
        500 501 603 604 607 608 621 640 641 751 752; do
        grep -qx "type=$type" "$dir/fields" ||
            { echo "no $type"; false; }
    done
    lines <"$dir/fields" | sed -e 's/ is [A-Z_]*//' -e 's/ more=.u000a//' \
        -e 's/.u000a//' | sort >"$dir/ours"
    tshark -X "lua_script:labs/wireshark/napster.lua" -r "$dir/t.pcapng" \
        -T pdml 2>"$dir/errors" | sed -n -e 's/.*<proto name="napster".*/#/p' \
        -e 's/.*name="napster\.\([a-z0-9_]*\)".* show="\([^"]*\)".*/\1=\2/p' |
        sed -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&amp;/\&/g' |
        lines | sort >"$dir/theirs"
    ! grep -i 'lua.*error' "$dir/errors" || false
    diff "$dir/ours" "$dir/theirs"
    [ "$(grep -c ' word=' "$dir/ours")" -eq 4 ]
}

@test "napster: the screens of a search, a download, and a dead server" {
    load golden.bash
    "$napster" monitor --dump 80x24 | golden napster-open-80x24.screen
    "$napster" monitor --dump 160x48 --step 50 |
        golden napster-search-160x48.screen
    "$napster" monitor --dump 80x24 --step 76 |
        golden napster-download-80x24.screen
    "$napster" monitor labs/napster/server-dies.scn --at 8s --dump 80x24 |
        golden napster-dead-80x24.screen
}

@test "napster: a server dies: searches fail, a transfer goes on; it comes back, and all log in and share again" {
    half_a_song
    kill -9 "${pid[s]}"
    tell bob search long
    until_says bob "search long at bob: FAILED"
    [ ! -e "$dir/b/long-song.bin" ]
    kill -CONT "${pid[alice]}"
    until_says bob "get 1 at bob: file"
    cmp "$dir/a/long-song.bin" "$dir/b/long-song.bin"
    start s server
    for _ in $(seq 40); do
        tell bob search long
        sleep 0.5
        [ "$(grep -c 'search long at bob: hits 1' "$dir/bob.out")" -gt 1 ] &&
            return 0
    done
    cat "$dir/bob.out"
    false
}

@test "napster: half-open callers and one that never reads: others are served" {
    mkdir "$dir/a"
    for i in $(seq 200); do : >"$dir/a/song-$i-$(printf %0150d 0).ogg"; done
    start s server
    p=${addr#*:}
    start alice node --join "$addr" --name alice --folder "$dir/a"
    # a thousand who say half a header, and no more
    bash -c 'for _ in $(seq 1000); do
            exec {fd}<>"/dev/tcp/127.0.0.1/$0" && printf "\x40" >&$fd
        done
        echo all >"$1"
        exec sleep 60' "$p" "$dir/half" 3>&- &
    pid[half]=$!
    for _ in $(seq 200); do
        [ -e "$dir/half" ] && break
        sleep 0.1
    done
    exec 8<>"/dev/tcp/127.0.0.1/$p" 7<>"/dev/tcp/127.0.0.1/$p"
    frame 2 'deaf pw 0 "nap" 7' >&8
    frame 2 'carol pw 6699 "nap" 3' >&7
    # 512 times the list of alice, which it does not read
    frame 211 alice >"$dir/browse"
    for _ in $(seq 9); do
        cat "$dir/browse" "$dir/browse" >"$dir/more"
        mv "$dir/more" "$dir/browse"
    done
    cat "$dir/browse" >&8 2>/dev/null || true
    frame 750 '' >&7
    [[ "$(answers 7 2)" = *750 ]]
    [ "$(awk '/VmRSS/ { print $2 }' "/proc/${pid[s]}/status")" -lt 100000 ]
}
