# A FastTrack client of its own, written from the published notes and not from
# our code: what it says to a supernode, and what it must hear, byte for byte.
# usage: python3 fasttrack_client.py PORT NEIGHBOUR_PORT FILE
#   A supernode on PORT that shares FILE, near.txt, and a large hole, big.bin;
#   its neighbour shares "far song.ogg"; its children are `wall`, firewalled,
#   which shares hidden.txt, and `get`, to whose fifo get.in we say what to do.
import base64
import hashlib
import os
import socket
import struct
import sys
import time
import zlib

N = int("""d453ec0a34eb20ca0a532f6aae08473dc6f2dc0e96e62735dd331dd5522f69d1
0d7a00501928851271a157acde7aa2fedbd26bb04d23ffc1b6a31787315d5780
51be98b0da2d7944ed64060a96e537a7a4037cdbde3c6725e9db63418443fd05
0829ee6d18e4dd48d61a70558606342ac3741ca71e4970e510a931f8b42d2df0
5250e6fe0a7703d88781ab210032a3dfe957a9b5d238b5b8363dc15e2c0054b3
390a5a36b15e221669f29f9af97bb445695b3ca272f554fce475aa9e6e37192e
91fd3a9ebc8c0457e7ee26ad19d2974dc11f00e38d5b5eb2e84b25f81b32a36f
ba1519a15efa55ffe569c5fc96d7f927bf77b6d6193bbd8f31c4a05eeb96841d"""
        .replace("\n", ""), 16)
ALL = 0xFFFFFFFF
LOCAL = socket.inet_aton("127.0.0.1")
ORDER = ((0, 1, 2, 3), (1, 2, 0, 3), (1, 3, 2, 0))  # of lo, hi, len_hi, len_lo


class Stream:
    def __init__(self, seed):
        key = []
        for _ in range(255):
            seed = (0x10DCD * seed + 0x4271) & ALL
            key.append((seed >> 17) % 0xE0)
        key = int.from_bytes(bytes(key + [1]), "little")
        self.pad = list(pow(key, 3, N).to_bytes(256, "little")[:63])
        if not any(b & 1 for b in self.pad):
            self.pad[0] |= 0x71
        seed = (0x10DCD * seed + 0x4271) & ALL
        self.at = ((seed >> 16) * 63) >> 16
        self.mix((self.at ** 2 + 2) % 59)

    def mix(self, p):
        self.pad[p:p + 5] = sorted(self.pad[p:p + 5], key=lambda b: b ^ 0x20)
        for i in range(5, 63, 3):
            self.pad[i] = ((~self.pad[i] + i) & 255) | 1

    def run(self, data):
        out = bytearray()
        for byte in data:
            at, pad = self.at, self.pad
            x = pad[at] = (pad[at] + pad[(at + 62) % 63]) & 255
            if at == 7 and x & 0x70 == 0:
                self.mix(((x + pad[2]) ** 2 + 2) % 59)
            self.at = (at + 1) % 63
            out.append(byte ^ x)
        return bytes(out)


def dynint(value):
    out = bytes([value & 127])
    while value > 127:
        value >>= 7
        out = bytes([value & 127 | 128]) + out
    return out


def take_dynint(data):
    value = 0
    for i, byte in enumerate(data):
        value = value << 7 | byte & 127
        if byte < 128:
            return value, data[i + 1:]
    raise ValueError("a packed integer without end")


def tag(number, value):
    return dynint(number) + dynint(len(value)) + value


def term(compare, number, value):
    return bytes([compare]) + tag(number, value)


def query(number, most, realm, *terms):
    return struct.pack(">HHHBBB", 1, most, number, 1, realm, len(terms)) + \
        b"".join(terms)


def file_of(content, tags):
    return content + dynint(1234) + dynint(3000000) + dynint(len(tags)) + \
        b"".join(tags)


def results(body):
    """(address, user, hash, tags) of each; and the header."""
    head, rest, out, users = body[:10], body[10:], [], {}
    for _ in range(struct.unpack(">H", body[8:10])[0]):
        where, rest = rest[:6], rest[7:]
        if rest[0] == 2:
            rest = rest[1:]
        else:
            users[where], rest = rest.split(b"\1", 1)
            network, rest = rest.split(b"\0", 1)
            assert network == b"KaZaA", network
        content, rest = rest[:20], rest[20:]
        for _ in range(2):
            number, rest = take_dynint(rest)
        count, rest = take_dynint(rest)
        tags = {}
        for _ in range(count):
            number, rest = take_dynint(rest)
            length, rest = take_dynint(rest)
            tags[number], rest = rest[:length], rest[length:]
        out.append((where, users[where], content, tags))
    assert rest == b"", rest
    return head, out


def uuhash(size, read):
    """Of so many bytes, of which read(from, to) gives some."""
    block, state = 307200, ALL

    def feed(begin, end):  # zlib's inverts at both ends
        return zlib.crc32(read(begin, end), state ^ ALL) ^ ALL

    front = hashlib.md5(read(0, min(size, block))).digest()
    if size > block:
        last, at = block, 1 << 20
        while at + 2 * block < size:
            state = feed(at, at + block)
            last, at = at + block, 2 * at
        state = feed(size - min(block, size - last), size)
    return front + struct.pack("<I", (state ^ size) & ALL)


class Client:
    # What a supernode may say to a client that it does not know for its own.
    KINDS = {0x00, 0x03, 0x07, 0x08, 0x0D, 0x1D, 0x2C, b"P", b"R"}

    def __init__(self, port, user, word="fa00b62b"):
        self.got = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # It asks for more than type 1; the supernode's word holds.
        self.write(bytes.fromhex(word + "facb12383209d232"))
        answer = self.read(8)
        assert answer.hex() == "0000000048a00a32", answer.hex()
        self.ins, self.outs = Stream(0), Stream(0xFACB1238)
        self.in_state = self.out_state = 0x51
        name = self.read(6)
        assert name.hex() == "e88c5ca07719", name.hex()
        assert self.ins.run(name) == b"KaZaA\0"
        for byte in b"KaZaA\0":  # in six segments
            self.write(self.outs.run(bytes([byte])))
            time.sleep(0.01)
        # Its own address it does not know: 0.0.0.0.
        self.send(0x02, struct.pack(">IHBB", 0, 7777, 0x68, 0) + user)

    def write(self, data):
        self.socket.sendall(data)

    def read(self, length):
        while len(self.got) < length:
            more = self.socket.recv(65536)
            assert more, "closed"
            self.got += more
        out, self.got = self.got[:length], self.got[length:]
        return out

    def send(self, kind, body):
        parts = (kind & 255, kind >> 8, len(body) >> 8, len(body) & 255)
        head = bytes(parts[i] for i in ORDER[self.out_state % 3])
        self.out_state ^= ~(kind + len(body)) & ALL
        self.write(self.outs.run(b"K" + head + body))

    def ping(self):
        self.write(self.outs.run(b"P"))

    def next(self):
        kind, body = self.take()
        assert kind in self.KINDS, kind
        return kind, body

    def take(self):
        """The next message: 'R', 'P', or type and body."""
        first = self.ins.run(self.read(1))
        if first in (b"R", b"P"):
            return first, b""
        assert first == b"K", first
        head, parts = self.ins.run(self.read(4)), [0] * 4
        for at, i in enumerate(ORDER[self.in_state % 3]):
            parts[i] = head[at]
        kind, length = parts[0] | parts[1] << 8, parts[2] << 8 | parts[3]
        self.in_state ^= ~(kind + length) & ALL
        return kind, self.ins.run(self.read(length))

    def until(self, wanted):
        """All up to one of that kind; its body."""
        for _ in range(50):
            kind, body = self.next()
            if kind == wanted:
                return body
        raise AssertionError(f"never came: {wanted}")

    def ask(self, number, most, realm, *terms):
        """The results of a query, to its end."""
        found = []
        self.send(0x06, query(number, most, realm, *terms))
        while True:
            kind, body = self.next()
            if kind == 0x08:
                assert body == struct.pack(">H", number), body
                return found
            if kind != 0x07:
                continue
            head, some = results(body)
            assert head[:4] == LOCAL and head[6:8] == struct.pack(">H", number)
            found += some


port, other, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
first, second = hashlib.sha1(b"1").digest(), hashlib.sha1(b"2").digest()

# Who comes is told where the supernode sees it, of other supernodes, and to
# send its list.
a = Client(port, b"alice")
assert a.until(0x2C) == LOCAL
nodes = a.until(0x00)
assert len(nodes) % 8 == 0 and len(nodes) <= 1600
assert LOCAL + struct.pack(">H", other) in [nodes[i:i + 6]
                                            for i in range(0, len(nodes), 8)]
assert a.until(0x03) == b""
a.ping()
a.until(b"R")

# Shares; and what a supernode need not know is passed over.
words = [tag(2, b"silent song.mp3"), tag(0x15, dynint(192)), tag(6, b"nobody")]
a.send(0x15, b"\1\2\3")
a.send(0x26, b"\0\0\0\x22")
a.send(0x22, b"\0\1\0\0" + file_of(first, words))
a.send(0x22, b"\0\1\0\0" + file_of(second, [tag(2, b"loud song.mp3")]))
a.send(0x22, b"\0\1\0\0" + first)  # cut short
a.send(0x02, struct.pack(">IHBB", 0, 7777, 0, 0) + b"x" * 256)  # too long
a.send(0x1D, b"KaZaA")
assert a.until(0x1D) == b"KaZaA"
a.send(0x1D, b"KaZaA")  # as who answers each with its own: that ends
a.ping()
assert a.next()[0] == b"R"

# Words, of both supernodes; a name twice from one user; the hash.
b = Client(port, b"bob", "4b0250ff")  # a first word as good as any
b.until(0x03)
where = LOCAL + struct.pack(">H", 7777)
found = b.ask(0x1234, 32, 0x3F, term(5, 0, b"SONG"))
assert sorted(r[3][2] for r in found) == \
    [b"far song.ogg", b"loud song.mp3", b"silent song.mp3"], found
mine = {r[2]: r for r in found if r[0] == where}
assert set(mine) == {first, second}, found
assert mine[first][1] == b"alice" and mine[second][1] == b"alice"
assert mine[first][3][0x15] == dynint(192) and mine[first][3][6] == b"nobody"
assert len(b.ask(2, 1, 0x3F, term(5, 0, b"song"))) == 1
assert len(b.ask(3, 2, 0x3F, term(5, 0, b"song"))) == 2
for _ in range(3):  # "search more": the same again, by the same number
    assert len(b.ask(0x1234, 32, 0x3F, term(5, 0, b"song"))) == 3
ignored = bytes.fromhex("06250102")  # mldonkey adds it
found = b.ask(4, 32, 0xBF, term(0, 3, second), ignored)
assert [r[2] for r in found] == [second]

# A number at least, at most; a realm; one term of two that does not hold.
def count(realm, *terms):
    return len(b.ask(5, 32, realm, *terms))

assert count(0x3F, term(4, 0x15, dynint(128))) == 1
assert count(0x3F, term(4, 0x15, dynint(193))) == 0
assert count(0x3F, term(2, 0x15, dynint(192))) == 1
assert count(0x21, term(5, 0, b"silent"), term(2, 0x21, dynint(3000000))) == 1
assert count(0x21, term(5, 0, b"silent"), term(4, 0x21, dynint(3000001))) == 0
assert count(0x22, term(5, 0, b"silent")) == 0
assert count(0x3F, term(5, 6, b"NOBODY")) == 1
assert count(0x3F, term(0, 6, b"NOBODY")) == 0

# Bytes that nobody can explain may be others; a message may come in pieces.
a.send(0x22, b"\7\1\3\4" + file_of(b"3" * 20, [tag(2, b"odd.mp3")]))
whole, sent = a.write, []
a.write = sent.append
a.send(0x22, b"\0\1\0\0" + file_of(b"4" * 20, [tag(2, b"slow.mp3")]))
a.write = whole
for byte in sent[0]:
    a.write(bytes([byte]))
    time.sleep(0.001)
a.ping()
assert a.next()[0] == b"R"
assert count(0x3F, term(5, 0, b"odd")) == 1
assert count(0x3F, term(5, 0, b"slow")) == 1
b.send(0x06, b"\7\7" + struct.pack(">HHBBB", 9, 77, 2, 0x3F, 1) +
       term(5, 0, b"odd"))
assert len(results(b.until(0x07))[1]) == 1
assert b.until(0x08) == b"\0\x4d"

# Who opens several sessions and keeps one takes nothing along; who says its
# name again is called so from then on.
Client(port, b"passer-by").socket.close()
a.send(0x02, struct.pack(">IHBB", 0, 7777, 0x68, 0) + b"alice2")
a.ping()
assert a.next()[0] == b"R"
assert [r[1] for r in b.ask(6, 9, 0x3F, term(5, 0, b"silent"))] == [b"alice2"]
a.send(0x02, struct.pack(">IHBB", 0, 7777, 0x68, 0) + b"alice")

# A push reaches the owner in its short form.
asker = LOCAL + struct.pack(">H", 8888)
b.send(0x0D, b"\0\1\2\3" + asker + where + LOCAL + struct.pack(">H", port) +
       b"alice")
assert a.until(0x0D) == b"\0\1\2\3" + asker

# What is no longer shared is not found, nor what a lost child had.
a.send(0x05, file_of(second, [tag(2, b"loud song.mp3")]))
a.ping()
a.until(b"R")
assert count(0x3F, term(5, 0, b"loud song")) == 0
assert count(0x3F, term(5, 0, b"silent song")) == 1
a.socket.close()
for _ in range(50):
    if count(0x3F, term(5, 0, b"silent song")) == 0:
        break
    time.sleep(0.1)
else:
    raise AssertionError("a lost child's files are still listed")

# The datagrams.
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(bytes.fromhex("27000000a980") + b"KaZaA\0", ("127.0.0.1", port))
pong = u.recv(100)
assert pong[0] == 0x28 and pong[5] == 0 and pong[11:] == b"KaZaA\0", pong


# A file, by hash, as of HTTP/1.0: who does not ask to be kept is closed.
class Http:
    def __init__(self, s):
        self.socket, self.got = s, b""
        self.socket.settimeout(5)

    def more(self):
        data = self.socket.recv(65536)
        self.got += data
        return data

    def head(self):
        while b"\r\n\r\n" not in self.got:
            assert self.more(), "closed"
        head, self.got = self.got.split(b"\r\n\r\n", 1)
        return head.decode().split("\r\n")

    def body(self, length):
        while len(self.got) < length:
            assert self.more(), "closed"
        body, self.got = self.got[:length], self.got[length:]
        return body

    def ask(self, *lines):
        self.socket.sendall("\r\n".join(lines + ("", "")).encode())
        return self.head()


def dial():
    return Http(socket.create_connection(("127.0.0.1", port)))


def has(lines, *wanted):
    for line in wanted:
        assert line in lines, (line, lines)


data = open(path, "rb").read()
near = uuhash(len(data), lambda begin, end: data[begin:end])
s = dial()
lines = s.ask(f"GET /.hash={near.hex()} HTTP/1.0", "UserAgent: KazaaClient",
              "Range: bytes=100-299")
has(lines, "HTTP/1.1 206 Partial Content", "Content-Length: 200",
    f"Content-Range: bytes 100-299/{len(data)}", "Accept-Ranges: bytes",
    "X-Kazaa-Username: s", "X-Kazaa-Network: KaZaA", "X-KazaaTag: 2=near.txt",
    f"X-Kazaa-IP: 127.0.0.1:{port}",
    "X-KazaaTag: 3==" + base64.b64encode(near).decode())
assert s.body(200) == data[100:300]
assert s.more() == b""

# All over one connection that is to be kept, as mldonkey has it: two parts,
# the older form of a request, what is not there, and a listing.
file_id = 0
for byte in near:
    file_id ^= byte << 8
    for _ in range(8):
        file_id = file_id << 1 ^ (0x1021 if file_id & 0x8000 else 0)
        file_id &= 0xFFFF
s = dial()
keep = "Connection: Keep-Alive"
for begin, end in ((0, 9), (10, 99)):
    lines = s.ask(f"GET /.hash={near.hex().upper()} HTTP/1.0", keep,
                  f"Range: bytes={begin}-{end}")
    assert s.body(end + 1 - begin) == data[begin:end + 1]
has(s.ask(f"GET /{file_id & 0x3FFF}/near.txt HTTP/1.0", keep),
    "HTTP/1.1 200 OK", f"Content-Length: {len(data)}")
assert s.body(len(data)) == data
for target in ("/.hash=" + "00" * 20, "/.files", "/", f"/{file_id ^ 1}/near.txt"):
    has(s.ask(f"GET {target} HTTP/1.0", keep), "HTTP/1.1 404 Not Found",
        "Content-Length: 0")

# Sixteen are served at a time: the next one hears when to come again.
size = os.path.getsize("s/big.bin")
big = uuhash(size, lambda begin, end: bytes(end - begin))
served = [dial() for _ in range(17)]
answers = [s.ask(f"GET /.hash={big.hex()} HTTP/1.1") for s in served]
assert [lines[0].split()[1] for lines in answers] == ["200"] * 16 + ["503"]
has(answers[16], "HTTP/1.1 503 Service Unavailable", "Retry-After: 300",
    "X-Kazaa-Network: KaZaA", "Content-Length: 0")
for s in served:
    s.socket.close()

# An owner behind a firewall: asked by a push, it calls, says GIVE, and is
# then asked as any other.
server = socket.create_server(("127.0.0.1", 0))
server.settimeout(5)
here = LOCAL + struct.pack(">H", server.getsockname()[1])
found = b.ask(8, 9, 0x3F, term(5, 0, b"hidden"))
assert [r[0] for r in found] == [LOCAL + b"\0\0"] and found[0][1] == b"wall"
b.send(0x0D, struct.pack(">I", 3000000000) + here + found[0][0] + LOCAL +
       struct.pack(">H", port) + b"wall")
s = Http(server.accept()[0])
assert s.body(17) == b"GIVE 3000000000\r\n"
lines = s.ask(f"GET /.hash={found[0][2].hex()} HTTP/1.1", "Range: bytes=0-5")
has(lines, "HTTP/1.1 206 Partial Content", "Content-Length: 6",
    f"X-Kazaa-SupernodeIP: 127.0.0.1:{port}")
assert s.body(6) == b"hidden"

# And we are a source, as KaZaA is one: a connection for each part.
data = os.urandom(600000)
mine = uuhash(len(data), lambda begin, end: data[begin:end])
c = Client(port, b"carol")
c.send(0x02, LOCAL + here[4:] + b"\x68\0carol")
c.send(0x22, b"\0\1\0\0" + mine + dynint(1) + dynint(len(data)) + dynint(1) +
       tag(2, b"source.mp3"))
c.ping()
c.until(b"R")


def say(command, wanted):
    for _ in range(20):
        begin = os.path.getsize("get.out")
        with open("get.in", "w") as fifo:
            fifo.write(command + "\n")
        if not wanted:
            return
        for _ in range(20):
            time.sleep(0.1)
            with open("get.out", "rb") as f:
                f.seek(begin)
                if wanted in f.read():
                    return
    raise AssertionError(f"never said: {wanted}")


say("search source", b'"files":1')
say("get 1", None)
begun = time.monotonic()
for begin in range(0, len(data), 262144):
    end = min(begin + 262144, len(data))
    s = Http(server.accept()[0])
    lines = s.head()
    has(lines, f"GET /.hash={mine.hex()} HTTP/1.1", "X-Kazaa-Username: get",
        f"Host: 127.0.0.1:{server.getsockname()[1]}",
        f"Range: bytes={begin}-{end - 1}", "X-Kazaa-Network: KaZaA",
        f"X-Kazaa-SupernodeIP: 127.0.0.1:{port}")
    assert any(line.startswith("UserAgent: ") for line in lines), lines
    s.socket.sendall(
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {begin}-"
        f"{end - 1}/{len(data)}\r\nContent-Length: {end - begin}\r\n"
        "Server: KazaaClient Nov  3 2002 20:29:03\r\nConnection: close\r\n"
        "X-Kazaa-Username: carol\r\nX-Kazaa-Network: KaZaA\r\n\r\n".encode() +
        data[begin:end])
    s.socket.close()
assert time.monotonic() - begun < 2, "it waits between two parts"
for _ in range(50):
    if os.path.exists("get/source.mp3"):
        break
    time.sleep(0.1)
assert open("get/source.mp3", "rb").read() == data
print("all as the reference has it")
