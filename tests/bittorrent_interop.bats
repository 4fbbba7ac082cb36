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
    scene dht_scene libtorrent libtorrent
}

# Our client and each of them, both ways.

@test "interop: get from aria2, and aria2 from seed" {
    need mktorrent aria2c
    scene tracker_scene aria2 ours http
    scene tracker_scene ours aria2 udp
}

@test "interop: get from libtorrent, and libtorrent from seed" {
    need mktorrent libtorrent
    scene tracker_scene libtorrent ours udp
    scene tracker_scene ours libtorrent http
}

@test "interop: get from transmission, and transmission from seed" {
    need mktorrent transmission-daemon transmission-remote
    scene tracker_scene transmission ours http
    scene tracker_scene ours transmission http
}

@test "interop: get from rtorrent, and rtorrent from seed" {
    need mktorrent rtorrent
    scene tracker_scene rtorrent ours http
    scene tracker_scene ours rtorrent udp
}

@test "interop: get from qBittorrent, and qBittorrent from seed" {
    need mktorrent qbittorrent-nox
    scene tracker_scene qbittorrent ours http
    scene tracker_scene ours qbittorrent http
}

@test "interop: get from ctorrent, and ctorrent from seed" {
    need mktorrent ctorrent
    scene tracker_scene ctorrent ours http
    scene tracker_scene ours ctorrent http
}

@test "interop: magnet links, from libtorrent and to libtorrent" {
    need mktorrent libtorrent
    scene magnet_scene libtorrent ours
    scene magnet_scene ours libtorrent
}

@test "interop: a swarm of aria2, libtorrent, rtorrent and us" {
    need mktorrent aria2c libtorrent rtorrent
    scene mixed_scene libtorrent ours aria2 rtorrent
}

@test "interop: get and seed by opentracker, over HTTP and UDP" {
    need mktorrent opentracker
    scene opentracker_scene http
    scene opentracker_scene udp
}

@test "interop: get a magnet link by libtorrent's DHT, and it by ours" {
    need mktorrent libtorrent
    scene dht_scene ours libtorrent
    scene dht_scene libtorrent ours
}
