# Real files between real processes: the verbs that people expect of a client.
bats_require_minimum_version 1.5.0

setup() {
    bt=$(realpath "${BIN:-bin}/bittorrent")
    cd "$BATS_TEST_TMPDIR"
    mkdir from to
    head -c 3000000 /dev/urandom >from/x.bin
    port=$((20000 + (BASHPID + BATS_TEST_NUMBER * 7) % 9000))
    tracker=127.0.0.1:$port
    "$bt" create from/x.bin --tracker "http://$tracker/announce" \
        --output x.torrent
}

teardown() {
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
}

swarm() {
    timeout 60 "$bt" tracker --listen "$tracker" </dev/null >tracker.out 3>&- &
    timeout 60 "$bt" seed x.torrent --folder from --listen 127.0.0.1:0 "$@" \
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
