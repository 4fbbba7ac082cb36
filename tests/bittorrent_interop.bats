# BitTorrent among strangers: the programs that people use, on our tracker and
# our DHT, each test in a network of its own.  What is not installed is
# skipped, with a word.

load interop.bash
BIN=$(realpath "${BIN:-bin}")
export BIN

# need PROGRAM...: all of them, or the test is skipped
need() {
    [ -x "$BIN/bittorrent" ] || skip "bittorrent is not built"
    $NETWORK ip link set lo up 2>/dev/null ||
        skip "networks of our own are not permitted here"
    for program; do
        case $program in
        libtorrent)
            $PYTHON -c "import libtorrent" 2>/dev/null ||
                skip "python3-libtorrent is not installed"
            ;;
        *)
            command -v "$program" >/dev/null || skip "$program is not installed"
            ;;
        esac
    done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
}

@test "interop: aria2 finds aria2 by our tracker, over HTTP" {
    need mktorrent aria2c
    scene tracker_scene aria2 aria2 http
}

@test "interop: aria2 finds libtorrent by our tracker, over UDP" {
    need mktorrent aria2c libtorrent
    scene tracker_scene libtorrent aria2 udp
}

@test "interop: transmission finds libtorrent by our tracker" {
    need mktorrent transmission-daemon transmission-remote libtorrent
    scene tracker_scene libtorrent transmission http
}

@test "interop: rtorrent finds aria2 by our tracker, over UDP" {
    need mktorrent rtorrent aria2c
    scene tracker_scene aria2 rtorrent udp
}

@test "interop: qBittorrent finds rtorrent by our tracker" {
    need mktorrent rtorrent qbittorrent-nox
    scene tracker_scene rtorrent qbittorrent http
}

@test "interop: ctorrent finds libtorrent by our tracker" {
    need mktorrent ctorrent libtorrent
    scene tracker_scene libtorrent ctorrent http
}

@test "interop: libtorrent finds libtorrent by our DHT, with a magnet link" {
    need mktorrent libtorrent
    scene dht_scene
}
