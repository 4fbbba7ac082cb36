# A Gnutella 0.6 peer, by hand: each rule of our servent that another servent
# can see, asked and compared byte for byte.
# usage: gnutella_peer.py PORT NEIGHBOUR-PORT; or PORT alone: a push that does
# not fit, and no more
import base64
import itertools
import socket
import struct
import sys
import time
import zlib

port, neighbour = int(sys.argv[1]), int(sys.argv[-1])
PING, PONG, BYE, ROUTE, PUSH, QUERY, HIT = 0, 1, 2, 0x30, 0x40, 0x80, 0x81
ids = itertools.count(1)


def message(kind, payload, ttl=1, hops=0, guid=None):
    guid = guid or b"by hand!\xff" + struct.pack(">I", next(ids)) + b"xx\0"
    return (guid + bytes([kind, ttl, hops]) +
            struct.pack("<I", len(payload)) + payload)


class Peer:
    def __init__(self, ultrapeer, window=None, headers=b""):
        self.s = socket.socket()
        if window:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.s.connect(("127.0.0.1", port))
        self.s.sendall(b"GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: " + ultrapeer +
                       b"\r\n" + headers + b"\r\n")
        self.left = b""
        while b"\r\n\r\n" not in self.left:
            self.left += self.s.recv(4096)
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        assert head.startswith(b"GNUTELLA/0.6 200 OK\r\n"), head
        assert b"Content-Encoding" not in head  # we did not ask for it
        self.s.sendall(b"GNUTELLA/0.6 200 OK\r\n\r\n")

    def ask(self, *messages):
        self.s.settimeout(20)
        self.s.sendall(b"".join(messages))

    # What comes within half a second: (id, type, ttl, hops, payload) each.
    def hear(self, *kinds):
        end, got, parts = time.time() + 0.5, [], [self.left]
        while time.time() < end:
            self.s.settimeout(max(0.01, end - time.time()))
            try:
                data = self.s.recv(65536)
            except OSError:
                break
            if not data:
                break
            parts.append(data)
        self.left = b"".join(parts)
        at = 0
        while len(self.left) >= at + 23:
            size = struct.unpack("<I", self.left[at + 19:at + 23])[0]
            m = self.left[at:at + 23 + size]
            if len(m) < 23 + size:
                break
            at += 23 + size
            if m[16] in kinds:
                got.append((m[:16], m[16], m[17], m[18], m[23:]))
        self.left = self.left[at:]
        return got

    def within(self, seconds, *kinds):
        got, end = [], time.time() + seconds
        while not got and time.time() < end:
            got = self.hear(*kinds)
        return got

    def closes(self):
        self.s.settimeout(10)
        while True:
            try:
                if not self.s.recv(65536):
                    return True
            except OSError:
                return False


def same(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


def count(hits):
    return [h[4][0] for h in hits]


def query(text, flags=0x8000, ttl=1, hops=0, more=b"", guid=None):
    return message(QUERY, struct.pack(">H", flags) + text + b"\0" + more, ttl,
                   hops, guid)


one, two = Peer(b"True"), Peer(b"True")
here = socket.inet_aton("127.0.0.1")
theirs = (b"\1" + struct.pack("<H", 6346) + here + struct.pack("<III", 9, 7, 5)
          + b"x\0\0" + b"TEST\x02\0\x01" + b"s" * 16)

if len(sys.argv) == 2:
    # One with a small window does not read: then queries find no room in its
    # queue, while hits still do, then hits, while pushes still do; and when a
    # push does not fit it gets Bye 502, and finds it behind all the rest.
    stuck = Peer(b"True", 4096)
    ask, back = query(b"nobody has it", ttl=3), query(b"nobody either", ttl=3)
    one.ask(ask)
    stuck.ask(back)
    stuck.hear(QUERY)
    stuck.ask(message(HIT, theirs, 3, 0, ask[:16]))
    same(len(one.hear(HIT)), 1, "a hit")
    push = b"s" * 16 + struct.pack("<I", 7) + here + b"\0\1"
    sent = {QUERY: [query(b"q" * 200, ttl=3) for i in range(30000)],
            HIT: [message(HIT, theirs[:-16] + b"t" * 16, 3, 0, back[:16])] *
            30000,
            PUSH: [message(PUSH, push, 4)] * 6000}
    for kind in sent:
        one.ask(*sent[kind])
    # Not a byte is read before all are routed; then through a wider window, or
    # the three seconds for what is left would not do.
    one.ask(message(PING, b""))
    assert one.within(20, PONG), "all are routed"
    stuck.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    got, end = [], time.time() + 15
    while not (got and got[-1][1] == BYE) and time.time() < end:
        got += stuck.hear(QUERY, HIT, PUSH, BYE)
    order = [kind for kind, _ in itertools.groupby(m[1] for m in got)]
    same(order, [QUERY, HIT, PUSH, BYE], "what comes after a full queue")
    for kind in sent:
        came = len([m for m in got if m[1] == kind])
        assert 0 < came < len(sent[kind]), (kind, came)
    same((got[-1][2], got[-1][3], got[-1][4][:2]),
         (1, 0, struct.pack("<H", 502)), "a push that does not fit")
    assert stuck.closes()
    # Of one link 6000 pushes a minute go on to others.
    ask = query(b"nobody has it", ttl=3)
    one.ask(ask)
    two.hear(QUERY)
    two.ask(message(HIT, theirs, 3, 0, ask[:16]))
    one.hear(HIT)
    one.ask(message(PUSH, push, 4))
    same(two.hear(PUSH), [], "one push more in this minute")
    Peer(b"True").ask(message(PUSH, push, 4))
    same(len(two.within(5, PUSH)), 1, "a push from another")
    time.sleep(1)  # one ping a second
    one.ask(message(PING, b""))
    same(len(one.hear(PONG)), 1, "the others go on")
    sys.exit()

# A greeting in odd capitals, folded, a byte at a time.
odd = socket.create_connection(("127.0.0.1", port))
for byte in (b"GNUTELLA CONNECT/0.7\r\nx-ULTRAPEER:TRUE\r\nX-Odd: a\r\n\tb\r\n"
             b"accept-encoding:  gzip, Deflate\r\n\r\n"):
    odd.sendall(bytes([byte]))
head = odd.recv(4096)
assert head.startswith(b"GNUTELLA/0.6 200 OK\r\n"), head
assert b"\r\nContent-Encoding: deflate\r\n" in head, head
assert b"\r\nRemote-IP: 127.0.0.1\r\n" in head, head
assert b"\r\nX-Try-Ultrapeers: 127.0.0.1:%d\r\n" % neighbour in head, head
# Its last word, and at once a message.
odd.sendall(b"GNUTELLA/0.6 200 OK\r\n\r\n" + message(PING, b""))
odd.settimeout(10)
inflater, got = zlib.decompressobj(), b""
while b"by hand!" not in got:
    got += inflater.decompress(odd.recv(65536))
odd.close()

leaf = Peer(b"False", headers=b"X-My-Address: 127.0.0.1:2\r\n")
one.hear(), leaf.hear()
(asked,) = two.within(5, PING)

# Ping: TTL 1, one pong of its own; TTL 2, a crawler's, the neighbours too; no
# more than one a second, and nobody else hears of it.
ask = message(PING, b"")
one.ask(ask, message(PING, b""))
(pong,) = one.within(5, PONG)
same(pong[:4], (ask[:16], PONG, 1, 0), "pong")
same(pong[4][:10], struct.pack("<H", port) + here + struct.pack("<I", 300),
     "pong")
time.sleep(1)
one.ask(message(PING, b"\xc3\x83SCP\x41\0", ttl=2))
pongs = one.hear(PONG)
same({p[4][:2] for p in pongs},
     {struct.pack("<H", p) for p in (port, neighbour, 2)}, "a crawler's pongs")
same({p[3] for p in pongs}, {0, 1}, "their hops")
same(two.hear(PING), [], "a ping of another")
# Else what is cached: as it came, a hop farther; not to who has told it.
two.ask(message(PONG, struct.pack("<H", 3) + here + struct.pack("<II", 77, 88),
                3, 2, asked[0]))
time.sleep(1)
ask = message(PING, b"", ttl=7)
for peer in (one, two):
    peer.ask(ask)
    pongs = peer.within(5, PONG)
    assert len(pongs) > 1 and pongs[0][4][:2] == struct.pack("<H", port)
    told = [p[4][:6] for p in pongs if p[0] == ask[:16]]
    same(len(set(told)), len(told), "addresses told once")
    same([(p[0], p[3], p[4][6:]) for p in pongs
          if p[4][:2] == struct.pack("<H", 3)],
         [(ask[:16], 3, struct.pack("<II", 77, 88))] if peer == one else [],
         "a cached pong")
# A ping's id is no query's: 0.4 floods both.
old = socket.create_connection(("127.0.0.1", port))
guid = b"one of 0.4\0\0\0\0\0\0"
old.sendall(b"GNUTELLA CONNECT/0.4\n\n" + message(PING, b"", 3, 0, guid) +
            query(b"nobody has it", ttl=3, guid=guid))
same([m[:2] for m in two.hear(PING, QUERY)], [(guid, PING), (guid, QUERY)],
     "a ping and a query of one id")
old.close()

# Query: bit 15 and the most hits in the low byte; 0.4's minimum speed 0; the
# trailer: vendor, open size 2, flags, flags2 with bit 0 known, servent id.
ask = query(b"many song", 0x8005, hops=2)
one.ask(ask)
(hit,) = one.hear(HIT)
same(hit[:2], (ask[:16], HIT), "hit")
assert hit[2] >= 2 + 2 and hit[3] == 0, hit[:4]
same(hit[4][:7], b"\x05" + struct.pack("<H", port) + here, "hit")
same(hit[4][-23:-16], b"P2PL\x02\0\x01", "trailer")
servent = hit[4][-16:]
first = hit[4][11:]
end = first.index(b"\0", 8)
assert first[8:end].startswith(b"many song "), first
same(first[end + 1:end + 10], b"urn:sha1:", "a result's hash")
same(first[end + 42], 0, "a result's end")
urn = first[end + 1:end + 42]
one.ask(query(b"many song", 0))
same(count(one.hear(HIT)), [32], "0.4's query")
one.ask(query(b"many song", 0xc001))
same(count(one.within(5, HIT)), [1], "the query of one behind a firewall")
one.ask(query(b"    "))
same(count(one.hear(HIT)), [255, 45], "all that it shares")
one.ask(query(b"", more=urn + b"\0"))
same(count(one.hear(HIT)), [1], "by hash")
one.ask(query(b"many " + b"x" * 5000))
same(one.hear(HIT), [], "a query of 5000 bytes")

# Floods: TTL down, hops up, TTL + hops <= 7; once; not over 256 bytes.
for ttl, hops, want in ((3, 1, (2, 2)), (7, 0, (6, 1)), (15, 4, (2, 5)),
                        (1, 2, None), (0, 0, None), (16, 0, None)):
    ask = query(b"nobody has it", ttl=ttl, hops=hops)
    one.ask(ask, ask)
    same([q[:4] for q in two.hear(QUERY)],
         [(ask[:16], QUERY) + want] if want else [], f"TTL {ttl} hops {hops}")
one.ask(query(b"n" * 260, ttl=3))
same(two.hear(QUERY), [], "a long query")

# Back along the way; a hit for no query and a pong for no ping are dropped.
ask = query(b"nobody has it", ttl=3)
one.ask(ask)
two.hear(QUERY)
two.ask(message(HIT, theirs, 3, 0, ask[:16]), message(HIT, theirs, 3),
        message(PONG, bytes(14), 3))
same(one.hear(HIT, PONG), [(ask[:16], HIT, 2, 1, theirs)], "the way back")
# Nobody's flood of ids makes it forget that way.
loud = Peer(b"True")
loud.ask(*[query(b"noise") for i in range(140000)])
loud.ask(message(PING, b""))
while not loud.hear(PONG):
    pass
two.ask(message(HIT, theirs, 3, 0, ask[:16]))
same(len(one.hear(HIT)), 1, "the way back after a flood of ids")
assert loud.hear(BYE) == []
# The holder is one that may be dialled, and is told of.
s = socket.create_connection(("127.0.0.1", port))
s.sendall(b"GNUTELLA CONNECT/0.6\r\n\r\n")
tries = [x for x in s.recv(4096).split(b"\r\n") if x.startswith(b"X-Try: ")]
assert len(tries) == 1 and b"127.0.0.1:6346" in tries[0], tries
s.close()

# Push: by servent id to where its hit came from; or to us, who call and GIV.
push = b"s" * 16 + struct.pack("<I", 7) + here + struct.pack("<H", 6346)
ask = message(PUSH, push, 4)
one.ask(ask, message(PUSH, b"?" * 16 + push[16:], 4))
same(two.hear(PUSH), [(ask[:16], PUSH, 3, 1, push)], "a push")
door = socket.create_server(("127.0.0.1", 0))
door.settimeout(5)
one.ask(message(PUSH, servent + struct.pack("<I", 3) + here +
                struct.pack("<H", door.getsockname()[1]), 4))
call = door.accept()[0]
same(call.recv(4096), b"GIV 3:" + servent.hex().encode() + b"/file\n\n", "GIV")

# A GIV that nobody waits for.
s = socket.create_connection(("127.0.0.1", port))
s.sendall(b"GIV 3:" + b"0" * 32 + b"/file\n\n")
s.settimeout(5)
try:
    same(s.recv(4096), b"", "a GIV that nobody waits for")
except ConnectionResetError:
    pass

# Nobody makes us dial at will: two calls at a time to one address, so that one
# which does not answer leaves room for others, and 60 a minute for one link.
deaf = socket.socket()
deaf.bind(("127.0.0.1", 0))
deaf.listen(0)
full = [socket.socket() for i in range(4)]
for s in full:
    s.setblocking(False)
    s.connect_ex(deaf.getsockname())
to = [struct.pack("<H", s.getsockname()[1]) for s in (deaf, door)]
one.ask(*[message(PUSH, servent + bytes(4) + here + to[0], 4)] * 10)
calls = 0
door.settimeout(1)
try:
    while calls < 100:
        one.ask(message(PUSH, servent + bytes(4) + here + to[1], 4))
        door.accept()
        calls += 1
except TimeoutError:
    pass
same(calls, 60 - 1 - 2, "calls for one link") # with the one above, and deaf
door.settimeout(5)

# A proxy for pushes: a leaf asks for it, and is named where it can be reached;
# then anybody may ask by HTTP, and only the leaf hears of it.
def proxy(target, *headers):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"\r\n".join((b"GET /gnutella/push-proxy" + target +
                            b" HTTP/1.1",) + headers + (b"", b"")))
    s.settimeout(5)
    return s.recv(4096).split(b" ")[1]


def base32(data):
    return base64.b32encode(data).rstrip(b"=")


leaf_id = b"a leaf's own id!"
node = b"X-Node: 127.0.0.1:%d" % door.getsockname()[1]
same(proxy(b"?ServerId=" + base32(leaf_id), node), b"410", "no such leaf")
leaf.ask(message(0x31, b"LIME\x15\0\2\0", guid=leaf_id))
(ack,) = leaf.hear(0x31)
same(ack[4], b"LIME\x16\0\2\0" + here + struct.pack("<H", port), "LIME/22")
same(proxy(b"?ServerId=" + base32(leaf_id), node), b"202", "push proxy")
(push,) = leaf.hear(PUSH)
same((push[3], push[4]), (0, leaf_id + bytes(4) + here +
                          struct.pack("<H", door.getsockname()[1])), "its push")
same(two.hear(PUSH), [], "a push for a leaf of ours")
for bad in (proxy(b"?ServerId=" + base32(leaf_id)), proxy(b"", node),
            proxy(b"?ServerId=AAAA1AAA", node),
            proxy(b"?ServerId=" + base32(leaf_id), b"X-Node: 0.0.0.0:1")):
    same(bad, b"400", "a request to a proxy that is none")

# Our own servent behind a firewall names its proxy in hits (GGEP "PUSH"), and
# follows the push that comes that way.
one.ask(query(b"walled song"))
(hit,) = one.hear(HIT)
same(hit[4][-32:-16],
     b"\x02\x21\x21\xc3\x84PUSH\x46" + here + struct.pack("<H", port),
     "a hit's trailer with a proxy")
walled_id = hit[4][-16:]
one.ask(query(b"walled song", 0xc000))
same(one.hear(HIT), [], "behind a firewall, for one behind a firewall")
same(proxy(b"?ServerId=" + base32(walled_id), node), b"202", "push proxy")
call = door.accept()[0]
same(call.recv(4096), b"GIV 0:" + walled_id.hex().encode() + b"/file\n\n",
     "GIV by a proxy")

# QRP: before a table a leaf gets all, then what it may have; -1 marks a slot,
# +1 takes it back, in plain or deflated patches, one or many.
RESET = message(ROUTE, struct.pack("<BIB", 0, 16, 2))


def slot(word):
    x = 0
    for i, c in enumerate(word):
        x ^= c << 8 * (i % 4)
    return (x * 0x4F1BBCDC & 0xffffffff) >> 28


def patch(words, by, bits=8, packed=False, parts=1, **header):
    table = [0] * 16
    for word in words:
        table[slot(word)] = by & (255 if bits == 8 else 15)
    data = bytes(table) if bits == 8 else bytes(
        table[i] << 4 | table[i + 1] for i in range(0, 16, 2))
    data = zlib.compress(data) if packed else data
    size = -(-len(data) // parts)
    return b"".join(
        message(ROUTE, bytes([1, i + 1, parts, packed, bits]) +
                data[i * size:(i + 1) * size], **header) for i in range(parts))


def gets(*words):
    for word in words:
        one.ask(query(word))
    return [q[4][2:-1] for q in leaf.hear(QUERY)]


assert slot(b"blue") != slot(b"rose")
leaf.hear()
same(gets(b"blue", b"rose"), [b"blue", b"rose"], "without a table")
leaf.ask(RESET + patch([b"blue"], -1, 4, True, hops=0))
same(gets(b"blue", b"rose", b"blue rose"), [b"blue"], "a deflated patch")
leaf.ask(patch([b"rose"], -1, 8, False, 3))
same(gets(b"blue", b"rose", b"blue rose"), [b"blue", b"rose", b"blue rose"],
     "another, in three")
leaf.ask(patch([b"blue"], 1, 4, False, 2))
same(gets(b"blue", b"rose"), [b"rose"], "one that takes back")
leaf.ask(patch([b"rose"], 1, ttl=7))
same(gets(b"blue", b"rose"), [b"rose"], "one that has travelled")
# A hash is one word.
urn = next(u for u in (b"urn:sha1:" + base64.b32encode(i.to_bytes(20, "big"))
                       for i in range(99)) if slot(u.lower()) != slot(b"rose"))
for asked in (0, 1):
    one.ask(query(b"", more=urn + b"\0"))
    same(len(leaf.hear(QUERY)), asked, "by hash, to a leaf")
    leaf.ask(patch([urn.lower()], -1))
# A leaf gets TTL 1 where it would be 0, other ultrapeers nothing.
ask = query(b"rose")
one.ask(ask)
same([q[:4] for q in leaf.hear(QUERY)], [(ask[:16], QUERY, 1, 1)], "a leaf")
same(two.hear(QUERY), [], "an ultrapeer at the end of the TTL")

# One that asks and does not read: its queries are dropped from half a full
# queue on, and heard again when it has read.
deaf = Peer(b"True")
deaf.hear()
fill = [query(b"many song") for i in range(8000)]
deaf.ask(*fill)
two.hear()
deaf.ask(query(b"not heard", ttl=3))
same([q[4] for q in two.hear(QUERY)], [], "a query of who does not read")
same(count(one.hear(HIT)), [], "what is for another")
one.ask(query(b"many song"))
same(count(one.hear(HIT)), [32], "others meanwhile")
end = time.time() + 10
heard = []
while not heard and time.time() < end:
    deaf.hear()
    deaf.ask(query(b"heard again", ttl=3))
    heard = two.hear(QUERY)
same(heard[0][4], b"\x80\0heard again\0", "a query after reading")

# A hit of 65,536 bytes is within the bounds: too long to be passed on, and
# its link stays.  One more byte ends it.
ask = query(b"nobody has it", ttl=3)
one.ask(ask)
two.hear(QUERY)
huge = theirs[:11] + struct.pack("<II", 7, 5) + b"x" * (
    65536 - len(theirs) + 1) + theirs[20:]
assert len(huge) == 65536
two.ask(message(HIT, huge, 3, 0, ask[:16]), message(HIT, theirs, 3, 0, ask[:16]))
same([m[4] for m in one.hear(HIT)], [theirs], "a hit of 65536 bytes")

# What we do not need is ignored, and goes no further: vendor's messages, HSEP,
# a type that nobody knows.
one.ask(message(0x31, b"BEAR\x0b\0\1\0\5\0"), message(0x32, b"\0\0\0\0\0\0\0\0"),
        message(0xcd, struct.pack("<QQQ", 1, 2, 3)), message(0x77, b"?", 3))
same(two.hear(0x31, 0x32, 0xcd, 0x77), [], "what we do not need")

# TTL 0 is dropped, and its link stays, unless it is repeated: see below.
spent = Peer(b"True")
spent.hear()
spent.ask(*[query(b"some words", ttl=0) for i in range(9)])
same(two.hear(QUERY), [], "TTL 0")
time.sleep(1)
spent.ask(message(PING, b""))
same(len(spent.hear(PONG)), 1, "nine with TTL 0 end no link")

# What ends a link, and the code of its Bye.
for what, bad, code in (
        ("a patch without reset", patch([b"x"], -1), 413),
        ("a gap", RESET + message(ROUTE, b"\1\2\2\0\x08" + bytes(16)), 413),
        ("2^21 slots", message(ROUTE, struct.pack("<BIB", 0, 1 << 21, 2)), 413),
        ("12 slots", message(ROUTE, struct.pack("<BIB", 0, 12, 2)), 413),
        ("too much", RESET + message(ROUTE, b"\1\1\1\0\x08" + bytes(17)), 413),
        ("a bomb", RESET + message(ROUTE, b"\1\1\1\1\x08" +
                                   zlib.compress(bytes(1 << 20))), 413),
        ("a leaf that relays", query(b"some words", hops=1), 414),
        ("TTL 0, ten times",
         b"".join(query(b"some words", ttl=0) for i in range(10)), 408)):
    bad_leaf = Peer(b"False")
    bad_leaf.hear()
    bad_leaf.ask(bad)
    (bye,) = bad_leaf.hear(BYE)
    same(bye[2:4] + (struct.unpack("<H", bye[4][:2])[0], bye[4][-1]),
         (1, 0, code, 0), what)
    assert bad_leaf.closes(), what
for length in (b"\1\0\1\0", b"\xff\xff\xff\x7f"):
    long = Peer(b"True")
    long.hear()
    long.ask(message(PING, b"")[:19] + length)
    (bye,) = long.hear(BYE)
    same(struct.unpack("<H", bye[4][:2])[0], 400, "a huge length")
one.ask(message(BYE, struct.pack("<H", 200) + b"Shutdown\0"))
same(one.hear(BYE), [], "a Bye is not answered")
assert one.closes()
