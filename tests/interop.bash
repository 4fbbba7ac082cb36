# Other people's BitTorrent programs, each started the same way:
#
#     CLIENT seed|leech ADDRESS TORRENT FOLDER
#
# runs in the background with the torrent's content in FOLDER, or to come
# there.  A scene is a function that runs in a network of its own, in which
# nothing but loopback exists: no default of any client reaches further, and
# every peer has an address of its own, as several programs want it.

PYTHON=/usr/bin/python3 # the one that Debian's libtorrent is for

# A network of our own; by the second way for those who are not root.
NETWORK="unshare -n"
$NETWORK true 2>/dev/null || NETWORK="unshare -rn"

# scene FUNCTION [ARGUMENT...]: run it there, in a folder of its own.
scene() {
    $NETWORK timeout 90 bash -c '
        . "$1"
        shift
        ip link set lo up
        for i in 1 2 3 4 5 6 7 8 9; do
            ip address add "10.77.0.$i/24" dev lo
        done
        trap "kill -9 \$(jobs -p) 2>/dev/null" EXIT
        mkdir -p "$1-$2" && cd "$1-$2" && export HOME=$PWD
        "$@"' scene "${BASH_SOURCE[0]}" "$@"
}

# same FILE FILE [SECONDS]: wait until both hold the same bytes.
same() {
    for _ in $(seq $((${3:-40} * 5))); do
        cmp -s "$1" "$2" && return
        sleep 0.2
    done
    echo "no $2 after ${3:-40} s"
    tail -n 20 ./*.log
    return 1
}

# Whatever others said to us has a name, to the last byte.
decoded() { # PCAPNG...
    for trace in "$@"; do
        "$BIN/bittorrent" trace "$trace" >decoded
        grep -q HANDSHAKE decoded
        ! grep undecoded decoded || return 1
    done
}

ours_node() { # ADDRESS [OPTION...]
    local addr=$1
    shift
    "$BIN/bittorrent" node --listen "$addr" "$@" </dev/null >"ours-$addr.log" 2>&1 &
}

# Our own client: .torrent, or magnet link.
ours() {
    local -A verb=([seed]=seed [leech]=get)
    "$BIN/bittorrent" "${verb[$1]}" "$3" --folder "$4" --listen "$2:6881" \
        --trace "ours-$1.pcapng" \
        ${5:+--join "$5"} </dev/null >"ours-$1.log" 2>&1 &
}

aria2() {
    local -A seeding=([seed]="--seed-ratio=0.0 --check-integrity=true
        --bt-seed-unverified=true" [leech]="--seed-ratio=0.0")
    # shellcheck disable=SC2086
    aria2c --no-conf=true --enable-dht="${ARIA_DHT:-false}" --enable-dht6=false \
        --dht-listen-port=6882 --dht-file-path="$PWD/aria2-$1.dat" \
        --bt-enable-lpd=false --enable-peer-exchange=false \
        --disable-ipv6=true --listen-port=6881 --interface="$2" \
        --file-allocation=none --summary-interval=0 ${seeding[$1]} -d "$4" \
        "$3" >"aria2-$1.log" 2>&1 &
}

transmission() {
    local home=transmission-$1
    mkdir -p "$home" "$4"
    cat >"$home/settings.json" <<JSON
{"bind-address-ipv4":"$2","bind-address-ipv6":"::1","dht-enabled":false,
"lpd-enabled":false,"pex-enabled":false,"utp-enabled":false,
"port-forwarding-enabled":false,"peer-port":6881,"rpc-port":9091,
"rpc-bind-address":"$2","rpc-whitelist-enabled":false,
"rpc-authentication-required":false,"encryption":0,"preallocation":0,
"download-dir":"$(realpath "$4")"}
JSON
    # A job of this shell, whose end ends it.
    transmission-daemon -f -g "$home" >"$home.log" 2>&1 &
    for _ in $(seq 50); do
        transmission-remote "$2:9091" -a "$3" -w "$(realpath "$4")" \
            >>"$home.log" 2>&1 && break
        sleep 0.2
    done
}

rtorrent() {
    mkdir -p "rtorrent-$1" "$4"
    cat >"rtorrent-$1/rc" <<RC
network.port_range.set = 6881-6881
network.port_random.set = no
network.bind_address.set = $2
network.local_address.set = $2
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = none
session.path.set = $PWD/rtorrent-$1
directory.default.set = $(realpath "$4")
system.daemon.set = true
load.start = $(realpath "$3")
RC
    TERM=xterm command rtorrent -n -o "import=$PWD/rtorrent-$1/rc" \
        </dev/null >"rtorrent-$1.log" 2>&1 &
}

ctorrent() {
    mkdir -p "$4"
    command ctorrent -i "$2" -p 6881 -s "$4/data.bin" -b "ctorrent-$1.bf" \
        "$3" </dev/null >"ctorrent-$1.log" 2>&1 &
}

qbittorrent() {
    mkdir -p "qbittorrent-$1/qBittorrent/config" "$4"
    cat >"qbittorrent-$1/qBittorrent/config/qBittorrent.conf" <<CONF
[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Port=6881
Session\\MultiConnectionsPerIp=true
Session\\BTProtocol=TCP
Session\\Encryption=2
Session\\InterfaceAddress=$2
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=$2
WebUI\\Port=9092
WebUI\\LocalHostAuth=false
WebUI\\UseUPnP=false
CONF
    qbittorrent-nox --profile="$PWD/qbittorrent-$1" \
        --save-path="$(realpath "$4")" --skip-dialog=true "$3" \
        </dev/null >"qbittorrent-$1.log" 2>&1 &
}

# libtorrent seed|leech ADDRESS TORRENT|LINK FOLDER [DHT-NODE]
libtorrent() {
    mkdir -p "$4"
    $PYTHON - "$@" >"libtorrent-$1.log" 2>&1 <<'PYTHON' &
import sys
import time
import libtorrent as lt

mode, addr, source, folder = sys.argv[1:5]
dht = sys.argv[5] if len(sys.argv) > 5 else ""
session = lt.session({
    "listen_interfaces": addr + ":6881", "outgoing_interfaces": addr,
    "enable_dht": dht != "", "dht_bootstrap_nodes": dht,
    "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "allow_multiple_connections_per_ip": True, "ssrf_mitigation": False,
    # Two that call each other at once both hang up: seeds wait to be called.
    "connection_speed": 0 if mode == "seed" else 30,
    "min_reconnect_time": 1, "peer_connect_timeout": 3,
    "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False,
    "alert_mask": lt.alert.category_t.tracker_notification
    | lt.alert.category_t.error_notification})
if source.startswith("magnet:"):
    params = lt.parse_magnet_uri(source)
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(source)
params.save_path = folder
if mode == "seed":
    params.flags |= lt.torrent_flags.seed_mode
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
torrent = session.add_torrent(params)
while True:
    for alert in session.pop_alerts():
        print(alert, flush=True)
    if dht:
        torrent.force_dht_announce()
    time.sleep(1)
PYTHON
}

# -- Scenes ---------------------------------------------------------------------

content() { # a MiB and a bit, so that the last piece is short
    mkdir -p have
    head -c 1100000 /dev/urandom >have/data.bin
}

# torrent URL [OPTION...]: t.torrent of have/data.bin, private unless told
torrent() {
    mktorrent "${2:--p}" -l 15 ${1:+-a "$1"} -o t.torrent have/data.bin >/dev/null
}

# Two strangers meet by our tracker, over HTTP or UDP.
tracker_scene() { # SEED LEECH SCHEME
    local -A url=([http]=http://10.77.0.1:6969/announce [udp]=udp://10.77.0.1:6969)
    [ "$3" != udp ] || ARIA_DHT=true
    content
    torrent "${url[$3]}"
    ours_node 10.77.0.1:6969 --set role=tracker --set interval=2s
    sleep 0.3
    "$1" seed 10.77.0.2 "$PWD/t.torrent" have
    "$2" leech 10.77.0.3 "$PWD/t.torrent" got
    same have/data.bin got/data.bin
}

# By a magnet link with a tracker: only the infohash is known at first.
magnet_scene() { # SEED LEECH
    content
    torrent http://10.77.0.1:6969/announce -v # a private one has no metadata
    ours_node 10.77.0.1:6969 --set role=tracker --set interval=2s
    local link
    link=$("$BIN/bittorrent" info t.torrent | sed -n 's/^magnet //p')
    sleep 0.3
    "$1" seed 10.77.0.2 "$PWD/t.torrent" have
    "$2" leech 10.77.0.3 "$link" got
    same have/data.bin got/data.bin
}

# One seed, and everyone else fetches at once, from it and from each other.
mixed_scene() { # SEED LEECH...
    local seed=$1 n=3
    shift
    content
    torrent http://10.77.0.1:6969/announce
    ours_node 10.77.0.1:6969 --set role=tracker --set interval=2s
    sleep 0.3
    "$seed" seed 10.77.0.2 "$PWD/t.torrent" have
    for client; do
        "$client" leech "10.77.0.$n" "$PWD/t.torrent" "got-$client"
        n=$((n + 1))
    done
    for client; do
        same have/data.bin "got-$client/data.bin"
    done
}

# Our client by their tracker.
opentracker_scene() { # SCHEME
    local -A url=([http]=http://10.77.0.1:6969/announce [udp]=udp://10.77.0.1:6969)
    content
    torrent "${url[$1]}"
    # Debian's serves only what is on a list, and never as root.
    mkdir -m 755 tracker
    "$BIN/bittorrent" info t.torrent | sed -n 's/^infohash //p' >tracker/list
    chmod 644 tracker/list
    command opentracker -i 10.77.0.1 -p 6969 -P 6969 -d "$PWD/tracker" \
        -w list >opentracker.log 2>&1 &
    sleep 0.5
    ours seed 10.77.0.2 "$PWD/t.torrent" have
    sleep 0.5 # else who is first is told of nobody, and not to ask soon
    ours leech 10.77.0.3 "$PWD/t.torrent" got
    same have/data.bin got/data.bin
}

# A magnet link, no tracker, and our node for a DHT.
dht_scene() { # SEED LEECH
    content
    torrent "" -v
    local hash
    hash=$($PYTHON -c 'import libtorrent, sys
print(libtorrent.torrent_info(sys.argv[1]).info_hash())' t.torrent)
    ours_node 10.77.0.1:6881 --set dht=on
    ours_node 10.77.0.4:6881 --set dht=on --join 10.77.0.1:6881
    sleep 0.3
    "$1" seed 10.77.0.2 "$PWD/t.torrent" have 10.77.0.1:6881
    "$2" leech 10.77.0.3 "magnet:?xt=urn:btih:$hash" got 10.77.0.4:6881
    same have/data.bin got/data.bin
    decoded ours-*.pcapng
}
