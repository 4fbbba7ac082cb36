# An old Napster client, and an old server, by hand: what others' programs say
# to our server and to our client, and the answers byte for byte.
# usage: napster_peer.py NAPSTER server|client
import hashlib
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

NAPSTER, ROLE = sys.argv[1:]
MD5 = "b92870e0d41bc8e698cf2f0a1ddfeac7"
nodes = []
UNPARSABLE = [(404, "parameters are unparsable")]


# All bytes until nothing comes for a while; b"..." + b"$" where it is closed.
def read(s, patience=3.0, quiet=0.25):
    got, end = b"", time.time() + patience
    while select.select([s], [], [], max(0, end - time.time()))[0]:
        try:
            data = s.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return got + b"$"
        got, end = got + data, time.time() + quiet
    return got


# The messages in these bytes, and the bytes behind them.
def split(data):
    got = []
    while len(data) >= 4:
        size, kind = struct.unpack("<HH", data[:4])
        if len(data) < 4 + size:
            break
        got.append((kind, data[4:4 + size].decode("latin1")))
        data = data[4 + size:]
    return got, data


class Session:  # messages, on a connection of either side
    def __init__(self, s, login=None):
        self.s, self.closed = s, False
        if login:
            self.say(2, login)
            self.drain()

    def say(self, kind, text=""):
        text = text.encode("latin1")
        self.s.sendall(struct.pack("<HH", len(text), kind) + text)

    def hear(self, patience=3.0):
        got = read(self.s, patience)
        self.closed = got.endswith(b"$")
        return split(got)[0]

    def ask(self, kind, text="", patience=3.0):
        self.say(kind, text)
        return self.hear(patience)

    # The answer must be this: all that comes before a 750 is back.
    def expect(self, kind, text, want):
        self.say(kind, text)
        got = self.drain()
        assert got == want, (kind, text, got, want)

    def drain(self):
        got, data = [], b""
        self.say(750)
        self.s.settimeout(20)
        while not got or got[-1] != (750, ""):
            data += self.s.recv(65536)
            messages, data = split(data)
            got += messages
        return got[:-1]


class Node:  # one of ours
    def __init__(self, *words):
        self.out = tempfile.TemporaryFile()
        self.p = subprocess.Popen(
            [NAPSTER, *words, "--listen", "127.0.0.1:0"],
            stdin=subprocess.PIPE, stdout=self.out, stderr=self.out)
        nodes.append(self.p)
        self.port = int(self.says("listening on 127.0.0.1:")[-1].split(",")[0])

    # The rest of each line that has the text, once there is one.
    def says(self, text):
        for _ in range(400):
            seen = os.pread(self.out.fileno(), 1 << 20, 0).decode("latin1")
            if text in seen and "\n" in seen.split(text)[-1]:
                return [s.split("\n")[0] for s in seen.split(text)[1:]]
            time.sleep(0.05)
        raise AssertionError((text, seen))

    def tell(self, text):
        self.p.stdin.write(text.encode() + b"\n")
        self.p.stdin.flush()

    def dial(self):
        return socket.create_connection(("127.0.0.1", self.port))


def play_client(node):
    def user(login):
        return Session(node.dial(), login)

    def attempt(kind, text, want, closed=True):
        s = Session(node.dial())
        got = s.ask(kind, text, 1.0)
        got = [m for m in got if m[0] != 214]
        assert got == want and s.closed == closed, (kind, text, got, s.closed)
        return s

    alice = user('alice pw 6699 "nap" 3')
    bob, carol = user('bob pw 0 "' + "n" * 40 + '" 7'), user('carol pw 0 n"p 9')
    sound = MD5 + " 5 128 44100 60"
    # What would break the fields of those who are told of it, is refused.
    for name, text in [('a"b', sound), ('"a\nb"', sound), ('"a\0b"', sound),
                       ('""', sound), ('"m"', '"a b" 5 128 44100 60'),
                       ('"m"', '"" 5 128 44100 60'),
                       ('"m"', MD5 + " -5 128 44100 60"),
                       ('"' + 256 * "m" + '"', sound),
                       ('"open', sound)]:
        alice.expect(100, name + " " + text, UNPARSABLE)
    for channel in ['"#a b"', "nohash", "#", "#" + 32 * "x", '#a"b']:
        alice.expect(400, channel, [(404, "invalid channel name")])
    for kind in 401, 402, 410, 824:
        alice.expect(kind, "", UNPARSABLE)
    for kind in 3, 13, 201, 213, 403, 425, 604, 641 + 2, 900, 9999, 65535:
        alice.expect(kind, "", [(404, "Unknown command code %d" % kind)])
    for kind in 606, 610, 616, 622, 628, 652, 801:
        alice.expect(kind, "bob", [(404, "permission denied")])
    alice.expect(0, "", [(404, "Unknown command code 0")])

    # Shares: rates as in the tables, keys without case, a folder at a time.
    alice.expect(100, '"Song 1" %s 5 999 47000 60' % MD5, [])
    alice.expect(870, '"D:\\dir" "one" %s "two" %s 6 100 44100 60' %
                 (sound, MD5), [])
    alice.expect(870, '"D:\\dir\\" "three" ' + sound, [])
    alice.expect(870, '"D:\\dir" "four" %s 5' % MD5, UNPARSABLE)
    alice.expect(100, '"SONG 1" ' + sound, [(404, "duplicate file")])
    two = '"D:\\dir\\two" %s 6 96 44100 60' % MD5
    bob.expect(211, "ALICE", [
        (212, 'alice "D:\\dir\\three" ' + sound), (212, "alice " + two),
        (212, 'alice "D:\\dir\\one" ' + sound),
        (212, 'alice "Song 1" %s 5 320 48000 60' % MD5),
        (213, "alice 16777343")])
    bob.expect(215, MD5 + " 6",
               [(216, 'alice 16777343 6699 "D:\\dir\\two" %s 6 3' % MD5),
                (217, "")])
    alice.expect(215, MD5 + " 6", [(217, "")])  # who else?
    # Searches: whole words of the path, bounds inclusive, of others only.
    hit = [(201, two + " alice 16777343 3")]
    for text, found in [
            ("TWO Dir", 1), ("tw", 0), ("two absent", 0),
            ('two" FILENAME CONTAINS "three', 0),
            ('two" BITRATE "EQUAL TO" "96', 1),
            ('two" BITRATE "AT LEAST" "97', 0),
            ('two" BITRATE "AT LEAST" 96 BITRATE "AT BEST" "96', 1),
            ('two" FREQ "AT BEST" "44099', 0), ('two" TYPE "mp3', 1),
            ('two" LINESPEED "AT LEAST" 3 LOCAL MAX_RESULTS "1', 1),
            ('two" LINESPEED "EQUAL TO" "4', 0)]:
        bob.expect(200, 'FILENAME CONTAINS "%s"' % text,
                   hit * found + [(202, "")])
    alice.expect(200, 'FILENAME CONTAINS "two"', [(202, "")])
    bob.expect(200, 'FILENAME CONTAINS "two" LINESPEED "AT LEAST" 11',
               [(404, "invalid search request"), (202, "")])
    # Only the last 30 words of a name find it.
    alice.expect(100, '"%s" %s' % (" ".join("w%d" % i for i in range(31)),
                                   sound), [])
    bob.expect(200, 'FILENAME CONTAINS "w0"', [(202, "")])
    assert len(bob.ask(200, 'FILENAME CONTAINS "w1 w30"')) == 2

    # Brokering, and who may not.
    song = '"bobs song" %s 300000 128 44100 60' % MD5
    bob.expect(100, song, [])
    carol.expect(200, 'FILENAME CONTAINS "bobs"', [(202, "")])  # both walled
    bob.expect(203, 'alice "SONG 1"', [])
    assert alice.hear() == [(607, 'bob "SONG 1"')]
    alice.expect(608, 'bob "song 1"', [])
    assert bob.hear() == [(204, 'alice 16777343 6699 "Song 1" %s 3' % MD5)]
    alice.expect(619, 'bob "song 1" 3', [])
    assert bob.hear() == [(620, 'alice "Song 1" 5 3')]
    alice.expect(619, 'bob "song 1" "a b"', UNPARSABLE)
    alice.expect(619, 'zoe "song 1" 3',
                 [(404, "User is not currently online.")])
    alice.expect(619, 'bob "x" 3', [(404, "Not sharing that file")])
    dial = (204, 'bob 16777343 0 "bobs song" %s 7' % MD5)
    alice.expect(203, 'bob "bobs song"', [dial])
    alice.expect(500, 'bob "bobs song"', [])
    assert bob.hear() == [(607, 'alice "bobs song"')]
    bob.expect(608, 'alice "bobs song"',
               [(501, 'alice 16777343 6699 "bobs song" %s 3' % MD5)])
    carol.expect(500, 'bob "bobs song"',
                 [(204, 'bob 16777343 0 "bobs song" firewallerror 7')])
    # Counts, and one's own record.
    for kind in 218, 218, 220, 219, 221, 221:
        bob.expect(kind, "", [])
    bob.expect(218, "", [])
    told = alice.ask(603, "bob")[0][1].split(" ", 3)
    assert told[3] == '" " "Active" 1 2 0 7 "%s"' % ("n" * 32), told
    assert alice.ask(603, "carol")[0][1].endswith('9 ""')
    for kind, text in (700, "9"), (703, "7777"), (702, "a@b"), (701, "x"):
        bob.expect(kind, text, [])
    bob.expect(700, "11", UNPARSABLE)
    bob.expect(703, "65536", UNPARSABLE)
    alice.expect(600, "bob", [(601, "bob 9")])
    alice.expect(500, 'bob "bobs song"', [(404, "bob is not firewalled")])

    # Limits.
    for i in range(32):
        bob.expect(207, "h%d" % i, [(301, "h%d" % i)])
        bob.expect(322, "h%d" % i, [(322, "h%d" % i)])
    bob.expect(207, "h32", [(302, "h32")])
    bob.expect(322, "h32", [(404, "your ignore list is full")])
    for i in range(5):
        bob.say(400, "#c%d" % i)
        assert len(bob.drain()) == 4
    bob.expect(400, "#c5", [(404, "too many channels")])
    bob.expect(410, "#c1 " + 65 * "t", [(410, "#c1 " + 64 * "t")])
    crowd = [user("u%d pw 0 n 3" % i) for i in range(200)]
    for one in crowd[:-1]:
        one.say(400, "#c1")
        assert one.drain()[0] == (405, "#c1")
    crowd[-1].expect(400, "#c1", [(404, "the channel is full")])
    for one in crowd:
        one.s.close()
    name = 200 * "x" + "%055d"
    for i in range(5001):
        carol.say(100, '"%s" %s' % (name % i, sound))
    assert carol.drain() == [(404, "You may only share 5000 files")]
    alice.say(211, "carol")  # all of it is for who reads it
    assert len(alice.drain()) == 5001

    # Logins.
    elsewhere = Session(socket.create_connection(
        ("127.0.0.1", node.port), source_address=("127.0.0.2", 0)))
    assert elsewhere.ask(2, 'ALICE pw 1 "n" 3') == [
        (0, "alice is already active")] and elsewhere.closed
    alice.expect(214, "", [(214, alice.ask(214)[0][1])])  # she stays
    for text, answer in [("a b", []), ('x pw 1 "n" 3\0', []),
                         ('x pw 1 "n" 11', [(0, "invalid speed")]),
                         ('x pw -1 "n" 3', [(0, "invalid port")]),
                         ("x" * 20 + ' pw 1 "n" 3', [(10, "")]),
                         ('ChanServ pw 1 "n" 3', [(10, "")])]:
        attempt(2, text, answer)
    attempt(6, 'reg pw 1 "n" 3', [])
    old = attempt(6, 'reg pw 1 "n" 3 e@f', [(3, "e@f")], False)
    attempt(6, 'REG pw 1 "n" 3 g@h',
            [(0, "account registered to another user")])
    attempt(2, 'reg bad 1 "n" 3', [(0, "Invalid Password")])
    attempt(2, 'anon pw 1 "n" 3 99', [(3, "anon@napster")], False)
    old.expect(702, "new@f", [])
    old.expect(701, "pw2", [])
    new = attempt(2, 'REG pw2 1 "n" 3', [(3, "new@f")], False)
    assert [m[0] for m in old.hear()] == [748, 404, 316] and old.closed
    for kind, text, want in [(7, "reg", 9), (7, "free", 8), (7, "a.b", 10),
                             (11, "reg pw2", 12), (11, "reg pw", None),
                             (4, "v", None), (300, "5", None)]:
        attempt(kind, text, [(want, "")] if want else [], False)
    attempt(0, "", [(404, "Unknown command code 0")], False)
    for kind in 14, 750, 100, 3:
        attempt(kind, "", [(0, "invalid command")])
    new.s.close()
    alice.s.close()


def play_server():
    folder = tempfile.mkdtemp()
    with open(folder + "/own song.mp3", "wb") as f:
        f.write(b"0123456789" * 10)
    with open(folder + "/long.mp3", "wb") as f:
        f.truncate(200000000)
    ours, data_port = (socket.create_server(("127.0.0.1", 0)) for _ in "12")
    ours.settimeout(20)
    data_port.settimeout(20)
    here, there = (s.getsockname()[1] for s in (ours, data_port))
    node = Node("node", "--join", "127.0.0.1:%d" % here, "--name", "kid",
                "--folder", folder)

    def login():
        s = Session(ours.accept()[0])
        assert s.hear(5) == [(2, 'kid secret %d "p2plab 0.1" 3' % node.port)]
        return s

    def share(s):
        got = []
        while len(got) < 2:
            got += s.hear()
        assert sorted(m[1].split('"')[1] for m in got) == ["long.mp3",
                                                           "own song.mp3"]

    s = login()
    s.say(3, "anon@x")
    s.say(621, "welcome")
    s.say(214, "1 1 0")
    share(s)
    # Never done, or unknown: no answer; and nobody is dialled.
    for kind, text in [(5, "1 h:f"), (900, "16777343 %d x" % there),
                       (901, "%d 9 x" % there), (9999, "x"), (205, "eve hi"),
                       (607, 'eve "nope"'), (640 + 3, ""),
                       (501, 'eve 16777343 %d "own song.mp3" x 3' % there)]:
        s.say(kind, text)
    assert s.ask(751, "eve") == [(752, "eve")]
    # What a person is told though it answers nothing, a line each.
    node.says("MOTD at kid: text welcome")
    node.says("PRIVATE at kid: nick eve, text hi")
    for kind, text, line in [
            (205, "eve \x1b[2J\r\na  b",
             "PRIVATE at kid: nick eve, text .[2J..a  b"),
            (403, "#c eve a b", "SAID at kid: channel #c, nick eve, text a b"),
            (824, '#c eve "waves"',
             'EMOTE at kid: channel #c, text eve "waves"'),
            (406, "#c eve 1 3", "CHANNEL_JOIN at kid: channel #c, nick eve,"),
            (407, "#c eve 1 3", "CHANNEL_PART at kid: channel #c, nick eve,"),
            (410, "#c new", "TOPIC at kid: channel #c, topic new"),
            (209, "eve 3", "SIGNED_ON at kid: nick eve, speed 3"),
            (210, "eve", "SIGNED_OFF at kid: nick eve"),
            (626, "eve", "PORT_ERROR at kid: nick eve"),
            (404, "duplicate file", "NOTICE at kid: text duplicate file")]:
        s.say(kind, text)
        node.says("\n  " + line)
    node.tell("tell eve how  are you")
    assert s.hear() == [(205, "eve how  are you")]
    node.tell("say c hello")
    assert s.hear() == [(402, "#c hello")]
    s.say(403, "#c eve first")  # another's is no answer
    s.say(403, "#c kid hello")
    node.says("SAID at kid: channel #c, nick eve, text first")
    node.says("say c hello at kid: answer #c kid hello")
    assert not select.select([data_port], [], [], 0.3)[0]

    # Uploads: digits of an offset end in silence; one GET for one 608.
    for parts, answer in [
            (['GETeve "OWN SONG.MP3" 0'], b"100" + b"0123456789" * 10 + b"$"),
            (["GET", 'eve "own song.mp3" 9', "5"], b"10056789$"),
            (['GETeve "own song.mp3" 100'], b"100$"),
            (['GETeve "own song.mp3" 101'], b"INVALID REQUEST$"),
            (['GETbob "own song.mp3" 0'], b"INVALID REQUEST$"),
            (["PUT /"], b"INVALID REQUEST$")]:
        assert s.ask(607, 'eve "OWN SONG.MP3" 3') == [
            (608, 'eve "OWN SONG.MP3"')]
        peer = node.dial()
        assert read(peer) == b"1"
        for part in parts:
            peer.sendall(part.encode())
            time.sleep(0.05)
        got = read(peer)
        assert got == answer, (parts, got)
        if got[:1] == b"1":
            assert s.hear() == [(220, ""), (221, "")]
    s.ask(607, 'eve "long.mp3"')
    peer = node.dial()
    peer.sendall(b'GETeve "long.mp3" 0')
    assert s.hear() == [(220, "")]
    peer.close()  # in the middle: it has ended all the same
    assert s.hear() == [(221, "")]
    s.ask(607, 'eve "own song.mp3"')
    s.say(501, 'eve 16777343 %d "own song.mp3" x 3' % there)
    peer = data_port.accept()[0]
    peer.sendall(b"1")
    assert read(peer) == b'SENDkid "own song.mp3" 100'
    peer.sendall(b"95")
    assert read(peer) == b"56789$"
    assert s.hear() == [(220, ""), (221, "")]

    # Downloads.
    data = b"0123456789" * 100
    md5 = hashlib.md5(data).hexdigest()
    s_hits = ["C:\\a\\foo1", "foo2", "foo3", "foo4", "foo5", "foo6"]
    node.tell("search foo")
    assert s.hear() == [(200, 'FILENAME CONTAINS "foo" MAX_RESULTS 100')]
    for name in s_hits:
        owner = "mal" if name == "foo6" else "eve"
        s.say(201, '"%s" %s 1000 128 44100 60 %s 16777343 3' % (
            name, md5, owner))
    assert s.ask(202) == [(751, "eve"), (751, "mal")]
    s.say(752, "eve")
    s.say(752, "mal")
    node.says("hits 6")

    def get(n, port, word="", md5=md5):
        if n:
            node.tell("get %d" % n)
        assert s.hear(5) == [(203, 'eve "%s"' % s_hits[(n or word) - 1])]
        s.say(204, 'eve 16777343 %d "%s" %s 3' % (
            port, s_hits[(n or word) - 1], md5))

    get(1, there)
    peer = data_port.accept()[0]
    assert read(peer, 0.3) == b""  # who accepts speaks first
    peer.sendall(b"1")
    assert read(peer) == b'GETkid "C:\\a\\foo1" 0'
    peer.sendall(b"1000" + data)  # the data begins with digits
    assert [m[0] for m in s.hear()] == [218, 219, 100]
    node.says("get 1 at kid: file foo1,")
    with open(folder + "/foo1", "rb") as f:
        assert f.read() == data
    get(2, 0)
    assert s.hear() == [(500, 'eve "foo2"')]
    for said, answer in [('SENDmal "foo2" 1000', b"1INVALID REQUEST$"),
                         ('SENDeve "foo2" 1000', b"10")]:
        peer = node.dial()
        peer.sendall(said.encode())
        assert read(peer) == answer
    peer.sendall(data)
    assert [m[0] for m in s.hear()] == [218, 219, 100]
    node.says("get 2 at kid: file foo2,")
    get(3, 0)
    assert s.hear() == [(500, 'eve "foo3"')]
    s.say(204, 'eve 16777343 0 "foo3" firewallerror 3')
    node.says("get 3 at kid: FAILED, error both sides are behind a firewall")
    # A 404 means the download whose holder it names, else the last one asked.
    node.tell("get 6")
    assert s.hear() == [(203, 'mal "foo6"')]
    node.tell("get 5")
    assert s.hear() == [(203, 'eve "foo5"')]
    s.say(404, "no")
    assert s.hear(5) == [(203, 'eve "foo5"')]
    s.say(404, "mal is not firewalled")
    assert s.hear(5) == [(203, 'mal "foo6"')]
    for n, owner in (5, "eve"), (6, "mal"):
        s.say(204, '%s 16777343 0 "foo%d" firewallerror 3' % (owner, n))
        node.says("get %d at kid: FAILED" % n)
    # A closed port, an error text; 206, 609, 620, 404: each is tried again.
    get(4, 1)
    assert s.hear() == [(626, "eve")]
    for kind, text in [(206, 'eve "foo4"'), (609, 'eve "foo4"'),
                       (620, 'eve "foo4" 1000 3'), (404, "no")]:
        assert s.hear(5) == [(203, 'eve "foo4"')], kind
        s.say(kind, text)
    get(0, there, 4)
    peer = data_port.accept()[0]
    peer.sendall(b"1")
    assert read(peer) == b'GETkid "foo4" 0'
    peer.sendall(b"FILE NOT SHARED")
    node.says("get 4 at kid: FAILED, error the holder refuses")

    # Direct browse: a silent user, then the same question twice.
    node.tell("list eve")
    node.tell("whois eve")
    begun = time.time()
    assert s.hear() == [(640, "eve")]
    assert s.hear(9) == [(603, "eve")] and time.time() - begun < 8
    s.say(605, 'eve "User" 5')
    node.tell("list eve")
    node.tell("list eve")
    for _ in "12":
        assert s.hear(5) == [(640, "eve")]
        s.say(641, "eve 16777343 %d" % there)
        peer = data_port.accept()[0]
        peer.sendall(b"1")
        assert read(peer) == b"GETLIST"
        peer.sendall(b'eve\n"a" %s 5 128 44100 60\n\n' % MD5.encode())
    for _ in range(50):
        if len(node.says("list eve at kid: hits 1")) == 2:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the second list")

    # The hotlist is told again after the next login, before the files; a
    # message that is too long ends the session.
    node.tell("hotlist eve")
    assert s.hear() == [(207, "eve")]
    s.say(301, "eve")
    node.says("answer eve")
    node.tell("hotlist a.b")
    assert s.hear() == [(207, "a.b")]
    s.say(302, "a.b")
    node.says("hotlist a.b at kid: FAILED")
    s.s.sendall(b"\x01\x08\xca\x00")
    assert read(s.s).endswith(b"$")
    s = login()
    s.say(3, "x@y")
    assert s.hear()[0] == (208, "eve")
    for kind in 748, 316:
        s.say(kind, "0" if kind == 316 else "")
    node.says("news at kid: FAILED, error somebody else logs in with this")
    s.s.close()
    assert not select.select([ours], [], [], 5)[0]  # not again at once


try:
    if ROLE == "server":
        play_client(Node("server", "--set", "stats=0s"))
    else:
        play_server()
finally:
    for one in nodes:
        one.kill()
        one.wait()
