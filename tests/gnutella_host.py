# The other side of gnutella_peer.py: a Gnutella 0.6 ultrapeer by hand, which
# our servent dials.  It checks what the servent says by itself: greeting,
# table of words, pings, a query, a push, a request, a Bye; byte for byte.
# usage: gnutella_host.py PROGRAM PORT [firewalled]
import atexit
import base64
import hashlib
import os
import socket
import struct
import subprocess
import sys
import time
import zlib

program, port = sys.argv[1], int(sys.argv[2])
walled = len(sys.argv) > 3
PING, PONG, BYE, ROUTE, VENDOR = 0, 1, 2, 0x30, 0x31
PUSH, QUERY, HIT = 0x40, 0x80, 0x81
here = socket.inet_aton("127.0.0.1")
names = ["Rose-melody.ogg", "a big file.ogg"]
os.makedirs("h", exist_ok=True)
for name in names:
    with open(f"h/{name}", "w") as f:
        f.write(name)


def same(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


door = socket.create_server(("127.0.0.1", 0))
door.settimeout(10)
inner = door.getsockname()[1]
servent = subprocess.Popen(
    [program, "node", "--listen", f"127.0.0.1:{port}", "--join",
     f"127.0.0.1:{inner}", "--folder", "h", "--json", "--set", "version=0.6",
     "--set", "degree=1"] + (["--set", "firewalled=yes"] if walled else []),
    stdin=subprocess.PIPE, stdout=open("h.out", "w"))
atexit.register(servent.kill)


def says(words):
    for i in range(200):
        with open("h.out") as f:
            if words in f.read():
                return True
        time.sleep(0.05)
    return False


def command(line):
    servent.stdin.write(line.encode() + b"\n")
    servent.stdin.flush()


def head_of(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(4096)
        assert more, data
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    return lines[0], dict(x.split(": ", 1) for x in lines[1:]), rest


# Its greeting.
link = door.accept()[0]
link.settimeout(10)
first, headers, rest = head_of(link)
same((first, rest), ("GNUTELLA CONNECT/0.6", b""), "hello")
want = {"X-Ultrapeer": "False" if walled else "True", "GGEP": "0.5",
        "X-Query-Routing": "0.1", "Pong-Caching": "0.1", "Bye-Packet": "0.1",
        "Vendor-Message": "0.1", "Accept-Encoding": "deflate",
        "Remote-IP": "127.0.0.1"}
if not walled:
    want["Listen-IP"] = f"127.0.0.1:{port}"
assert headers.pop("User-Agent").startswith("p2plab/")
same(headers, want, "headers")

# As gtk-gnutella answers one that is not needed as an ultrapeer.
link.sendall(b"GNUTELLA/0.6 200 OK\r\nUser-Agent: gtk-gnutella/1.2.3\r\n"
             b"Pong-Caching: 0.1\r\nBye-Packet: 0.1\r\nGGEP: 0.5\r\n"
             b"Vendor-Message: 0.2\r\nRemote-IP: 127.0.0.1\r\n"
             b"X-Ultrapeer: True\r\nAccept-Encoding: deflate\r\n"
             b"X-Ultrapeer-Needed: False\r\nX-Query-Routing: 0.1\r\n"
             b"X-Degree: 46\r\nX-Max-TTL: 4\r\n\r\n")
first, headers, rest = head_of(link)
same(first, "GNUTELLA/0.6 200 OK", "final")
same(headers, {"Content-Encoding": "deflate", "X-Ultrapeer": "False"}, "final")
inflater = zlib.decompressobj()
plain = inflater.decompress(rest)
used = set()


# The next message of one of these types.
def hear(*kinds):
    global plain
    end = time.time() + 10
    while time.time() < end:
        size = struct.unpack("<I", plain[19:23])[0] if len(plain) >= 23 else 0
        if len(plain) < 23 + size or len(plain) < 23:
            data = link.recv(65536)
            assert data, "closed"
            plain += inflater.decompress(data)
            continue
        m, plain = plain[:23 + size], plain[23 + size:]
        if m[16] in (PING, QUERY, PUSH, BYE, ROUTE):
            assert m[8] == 0xff and m[15] == 0 and m[:16] not in used, m
            if m[16] != BYE:
                used.add(m[:16])
        if m[16] in kinds:
            return m[:16], m[16], m[17], m[18], m[23:]
    raise AssertionError(f"nothing of {kinds}")


def say(kind, payload, ttl=1, hops=0, guid=None):
    link.sendall((guid or os.urandom(16)) + bytes([kind, ttl, hops]) +
                 struct.pack("<I", len(payload)) + payload)


# A table of the words of its files: each, less 1, 2, 3 letters at its end
# while three are left; and the hashes as words.
def slot(word):
    x = 0
    for i, c in enumerate(word.lower().encode()):
        x ^= c << 8 * (i % 4)
    return (x * 0x4F1BBCDC & 0xffffffff) >> 18


def table():
    m = hear(ROUTE)
    same(m[1:], (ROUTE, 1, 0, struct.pack("<BIB", 0, 16384, 2)), "RESET")
    m = hear(ROUTE)
    same(m[2:4] + (m[4][:5],), (1, 0, b"\1\1\1\1\4"), "PATCH")
    data = zlib.decompress(m[4][5:])
    same(len(data), 8192, "its length")
    nibbles = [n for b in data for n in (b >> 4, b & 15)]
    assert set(nibbles) == {0, 15}
    return {i for i, n in enumerate(nibbles) if n == 15}


words = "rose ros melody melod melo mel big file fil ogg".split()
urns = ["urn:sha1:" + base64.b32encode(hashlib.sha1(n.encode()).digest())
        .decode() for n in names]
told = table()
if walled:
    m = hear(VENDOR)
    same(m[1:], (VENDOR, 1, 0, b"LIME\x15\0\2\0"), "LIME/21")
    say(VENDOR, b"LIME\x16\0\2\0" + here + struct.pack("<H", inner))
if told != {slot(w) for w in words + urns}:
    told = table()  # the hashes were not known yet
same(told, {slot(w) for w in words + urns}, "slots")

# Pings: one for what we know when it comes, then every three seconds.
times = []
for i in range(3):
    m = hear(PING)
    same(m[1:], (PING, 7, 0, b""), "ping")
    times.append(time.time())
assert 2.5 < times[2] - times[1] < 3.5, times
guid = os.urandom(16)
time.sleep(1.1)
say(PING, b"", guid=guid)
m = hear(PONG)
same(m, (guid, PONG, 1, 0, struct.pack("<H", 0 if walled else port) + here +
         struct.pack("<II", 2, 0)), "alive")

# What it has, with a hash; the low bits of a push.
guid = os.urandom(16)
say(QUERY, b"\x80\0rose\0", 1, 3, guid)
m = hear(HIT)
same((m[0], m[3]), (guid, 0), "hit")
assert m[2] >= 5, m
same(m[4][:7], b"\1" + struct.pack("<H", port) + here, "hit")
result = struct.pack("<I", 15) + b"Rose-melody.ogg\0" + urns[0].encode() + b"\0"
same(m[4][15:15 + len(result)], result, "its result")
trailer = m[4][15 + len(result):-16]
same(trailer[:7], b"P2PL\2" + (b"\x21\x21" if walled else b"\0\1"), "trailer")

# A query of its own; a firewalled asker says so.
command("search blue song")
m = hear(QUERY)
same(m[1:], (QUERY, 7, 0, (b"\xc0" if walled else b"\x80") +
             b"\0blue song\0urn:\0"), "query")
body, name = b"all the bytes", b"blue song.ogg"
urn = b"urn:sha1:" + base64.b32encode(hashlib.sha1(b"others").digest())
# Where nobody listens, and not flagged as firewalled; then flagged, with a
# hash that what comes will not have.
for result, flag in ((struct.pack("<II", 7, len(body)) + name + b"\0\0", 0),
                     (struct.pack("<II", 8, len(body)) + b"fake.ogg\0" + urn +
                      b"\0", 1)):
    say(HIT, b"\1" + struct.pack("<H", 9) + here + bytes(4) + result +
        b"TEST\2" + bytes([flag, 1]) + b"by hand's own id", 2, 0, m[0])
assert says('"hits":2')


# The call back: by whatever name, the request follows on this connection.
def fetch(n, index, target):
    command(f"get {n}")
    m = hear(PUSH)
    same(m[1:4] + (m[4],), (PUSH, 2, 0, b"by hand's own id" +
                            struct.pack("<I", index) + here +
                            struct.pack("<H", port)), "push")
    back = socket.create_connection(("127.0.0.1", port))
    back.settimeout(10)
    back.sendall(b"GIV %d:%s/any name\n\n" % (
        index, b"by hand's own id".hex().encode()))
    first, headers, rest = head_of(back)
    same((first, rest), (f"GET {target} HTTP/1.1", b""), "request")
    same(headers, {"Host": "127.0.0.1:9", "User-Agent": "p2plab/0.1",
                   "Range": "bytes=0-"}, "request")
    back.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n"
                 b"Content-Range: bytes 0-%d/%d\r\n\r\n" % (
                     len(body), len(body) - 1, len(body)) + body)


if not walled:
    fetch(1, 7, "/get/7/blue%20song.ogg")
    assert says('"ok":true,"file":"blue song.ogg"')
    with open("h/blue song.ogg", "rb") as f:
        same(f.read(), body, "the file")
    fetch(2, 8, "/uri-res/N2R?" + urn.decode())
    assert says("another SHA-1") and not os.path.exists("h/fake.ogg")
else:
    command("get 1")
    assert says("both sides are behind a firewall")

# Its farewell, and ours is not answered.
servent.terminate()
m = hear(BYE)
same(m[1:], (BYE, 1, 0, struct.pack("<H", 200) + b"Shutdown\0"), "Bye")
same(link.recv(4096), b"", "the end")
link.close()
same(servent.wait(10), 0, "exit")
