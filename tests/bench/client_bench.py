#!/usr/bin/python3
"""1 GiB from one seeder to one leecher over loopback: processor seconds of
both ends, for us, aria2 and libtorrent, against the floor: sendfile on one
side, receiving and writing on the other, and SHA-1.  Then the time until the
first block is in the file, resident memory, and `create` against SHA-1.

It fails when the bytes that came are not those that were sent.  Clients that
are not installed are left out.  BIN is the folder of our programs; TMPDIR
needs 3 GiB.  GIB=0.25 takes less.
"""
import filecmp
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SIZE = int(float(os.environ.get("GIB", "1")) * (1 << 30))
CHUNK = 256 * 1024
PORT = 20000 + os.getpid() % 20000
OURS = os.path.abspath(os.environ.get("BIN", "bin")) + "/bittorrent"
PYTHON = "/usr/bin/python3"  # the one that Debian's libtorrent is for

LIBTORRENT = """
import sys, time, libtorrent as lt
role, port, torrent, folder, other = sys.argv[1:]
s = lt.session({"listen_interfaces": "127.0.0.1:" + port, "enable_dht": False,
    "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "allow_multiple_connections_per_ip": True})
p = lt.add_torrent_params()
p.ti, p.save_path = lt.torrent_info(torrent), folder
p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if role == "seed":
    p.flags |= lt.torrent_flags.seed_mode
h = s.add_torrent(p)
if other != "0":
    h.connect_peer(("127.0.0.1", int(other)))
while role == "seed" or not h.status().is_seeding:
    time.sleep(0.05)
"""


def child(work):
    """A process that does it; its number."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def seconds(usage):
    return usage.ru_utime + usage.ru_stime


def floor(folder, path):
    """Of sending, of receiving and writing, and of hashing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def receive():
        s = socket.create_connection(listener.getsockname())
        buffer = memoryview(bytearray(CHUNK))
        with open(folder + "/floor", "wb", buffering=0) as out:
            while got := s.recv_into(buffer, CHUNK, socket.MSG_WAITALL):
                out.write(buffer[:got])

    def send():
        s, _ = listener.accept()
        with open(path, "rb") as file:
            at = 0
            while got := os.sendfile(s.fileno(), file.fileno(), at, CHUNK):
                at += got
        s.close()

    def digest():
        data = bytes(CHUNK)
        sha1 = hashlib.sha1()
        for _ in range(SIZE // CHUNK):
            sha1.update(data)

    pids = [child(receive), child(send)]
    took = [seconds(os.wait4(pid, 0)[2]) for pid in pids]
    os.unlink(folder + "/floor")
    hashing = seconds(os.wait4(child(digest), 0)[2])
    return took[1], took[0], hashing


def commands(name, folder, torrent):
    """Command lines of a seeder and of a leecher."""
    seeds, gets = folder + "/from", folder + "/to"
    if name == "ours":
        common = [torrent, "--listen", "127.0.0.1:0", "--quiet"]
        return (
            [OURS, "seed", *common, "--folder", seeds, "--set", "verify=off"],
            [OURS, "get", *common, "--folder", gets],
        )
    if name == "aria2":
        common = [
            "aria2c", "--no-conf=true", "--enable-dht=false",
            "--enable-dht6=false", "--bt-enable-lpd=false",
            "--enable-peer-exchange=false", "--disable-ipv6=true",
            "--interface=127.0.0.1", "--file-allocation=none",
            "--summary-interval=0", "--quiet=true", torrent,
        ]  # fmt: skip
        return (
            [*common, "-d", seeds, "--listen-port=%d" % (PORT + 1),
             "--seed-ratio=0.0", "--bt-seed-unverified=true",
             "--check-integrity=true"],
            [*common, "-d", gets, "--listen-port=%d" % (PORT + 2),
             "--seed-time=0"],
        )  # fmt: skip
    script = folder + "/client.py"
    with open(script, "w", encoding="ascii") as out:
        out.write(LIBTORRENT)
    return (
        [PYTHON, script, "seed", str(PORT + 1), torrent, seeds, "0"],
        [PYTHON, script, "get", str(PORT + 2), torrent, gets, str(PORT + 1)],
    )


def first_block(folder, begun):
    """Seconds until a file there holds a block."""
    while time.time() - begun < 60:
        for root, _, files in os.walk(folder):
            for file in files:
                try:
                    if os.stat(os.path.join(root, file)).st_blocks >= 32 and (
                        file.startswith("data.bin")
                    ):
                        return time.time() - begun
                except FileNotFoundError:
                    pass
        time.sleep(0.005)
    return float("inf")


def transfer(name, folder, torrent):
    seeder, leecher = commands(name, folder, torrent)
    shutil.rmtree(folder + "/to", ignore_errors=True)
    os.mkdir(folder + "/to")
    with open(folder + "/log", "w", encoding="utf8") as log:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        seed = subprocess.Popen(seeder, **quiet)
        time.sleep(3)  # it has announced itself
        begun = time.time()
        get = subprocess.Popen(leecher, **quiet)
        first = first_block(folder + "/to", begun)
        _, status, got = os.wait4(get.pid, 0)
        took = time.time() - begun
        os.kill(seed.pid, signal.SIGTERM)
        gave = os.wait4(seed.pid, 0)[2]
    same = filecmp.cmp(folder + "/from/data.bin", folder + "/to/data.bin",
                       shallow=False)  # fmt: skip
    if status != 0 or not same:
        with open(folder + "/log", encoding="utf8") as log:
            print(name, "FAILED", status, same, log.read()[-2000:])
        sys.exit(1)
    return gave, got, first, took


def cost(result):
    return seconds(result[0]) + seconds(result[1])


def report(name, floor_seconds, result):
    gave, got, first, took = result
    both = cost(result)
    print(
        "%-11s %5.2f s of processor (%.2f gives, %.2f takes), %.2f x floor; "
        "first block %.2f s, all %.1f s; resident %d and %d MB"
        % (name, both, seconds(gave), seconds(got), both / floor_seconds,
           first, took, gave.ru_maxrss // 1024, got.ru_maxrss // 1024),
        flush=True,
    )  # fmt: skip


def main():
    folder = tempfile.mkdtemp(prefix="client_bench.")
    tracker = "127.0.0.1:%d" % PORT
    torrent = folder + "/data.torrent"
    os.mkdir(folder + "/from")
    path = folder + "/from/data.bin"
    with open(path, "wb") as out:
        for _ in range(SIZE // CHUNK):
            out.write(os.urandom(CHUNK))
    at = subprocess.Popen(
        [OURS, "tracker", "--listen", tracker],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        floors = [floor(folder, path)]
        make = subprocess.Popen(
            [OURS, "create", path, "--output", torrent, "--private",
             "--tracker", "http://%s/announce" % tracker],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        made = seconds(os.wait4(make.pid, 0)[2])
        print(
            "create      %5.2f s of processor, %.2f x SHA-1"
            % (made, made / floors[0][2])
        )
        names = ["ours"]
        if shutil.which("aria2c"):
            names.append("aria2")
        if subprocess.call([PYTHON, "-c", "import libtorrent"],
                           stderr=subprocess.DEVNULL) == 0:  # fmt: skip
            names.append("libtorrent")
        best = {}
        for _ in range(ROUNDS):
            floors.append(floor(folder, path))
            for name in names:
                result = transfer(name, folder, torrent)
                best[name] = min(best.get(name, result), result, key=cost)
        least = [min(part) for part in zip(*floors)]
        print(
            "floor       %5.2f s of processor (sendfile %.2f, receive and "
            "write %.2f, SHA-1 %.2f); best of %d rounds each"
            % (sum(least), *least, ROUNDS),
            flush=True,
        )
        for name in names:
            report(name, sum(least), best[name])
    finally:
        at.terminate()
        at.wait()
        shutil.rmtree(folder)


main()
