# What our `trace --json` and tshark's dissectors say of a file's messages from
# and to a tracker: a line each, sorted.  Over HTTP that is what it is asked
# for, and of each answer the values that both name.
# usage: trace --json --addresses FILE | python3 tracker_dissected.py ours
#        tshark ... -T pdml | python3 tracker_dissected.py theirs
import json
import sys
import xml.etree.ElementTree

# Bencoded keys, and our names for them.
KEYS = {"complete": "complete", "downloaded": "downloaded",
        "incomplete": "incomplete", "interval": "interval",
        "min interval": "min_interval", "failure reason": "failure",
        "ip": "ip", "port": "port", "peer id": "peer_id"}


def leaves(name, value):
    if isinstance(value, list):
        for part in value:
            pair = isinstance(part, tuple)
            yield from leaves(part[0] if pair else name,
                              part[1] if pair else part)
    else:
        yield name, str(value)


def ours(lines):
    for line in lines:
        pairs = json.loads(line, object_pairs_hook=lambda p: [(*q,) for q in p])
        top = dict(pairs)
        if top["kind"] != "message":
            continue
        kind, said = top["message"], list(leaves("", top["fields"]))
        if kind == "HTTP_ANSWER":
            said = [f"{k}={v}" for k, v in said
                    if k in ("status", "key", *KEYS.values()) or
                    (k == "peers" and ":" in v)]
        else:
            said = [f"{k}={v}" for k, v in said if k != "headers"]
        yield " ".join([kind] + said)


def theirs(file):
    for packet in xml.etree.ElementTree.parse(file).getroot():
        for proto in packet:
            if proto.get("name") == "bttracker":
                yield udp(proto)
            if proto.get("name") == "http":
                yield request(proto) if shown(
                    proto, "http.request") else answer(proto, packet)


def shown(proto, name):
    return [f.get("show") for f in proto.iter("field") if f.get("name") == name]


def udp(proto):
    said = []
    for field in proto.iter("field"):
        name, show = field.get("name").removeprefix("bttracker."), field.get("show")
        if name == "type":
            kind = show
        elif name == "magic":
            said.append(f"{name}={int(show, 16):#x}")
        elif name in ("info_hash", "peer_id", "swarms", "options"):
            said.append(f"{name}={show.replace(':', '')}")
        else:
            said.append(f"{name}={show}")
    return " ".join([kind] + said)


def request(proto):
    path = (shown(proto, "http.request.uri.path") or
            shown(proto, "http.request.uri"))[0]
    kind = "HTTP_SCRAPE" if path.endswith("/scrape") else "HTTP_ANNOUNCE"
    return " ".join([kind, f"path={path}"] +
                    shown(proto, "http.request.uri.query.parameter"))


def answer(proto, packet):
    said = ["status=" + shown(proto, "http.response.code")[0]]
    for entry in packet.iter("field"):
        if entry.get("name") != "bencode.dict.entry":
            continue
        of = [f for f in entry.findall("field")
              if f.get("name") in ("bencode.str", "bencode.int")]
        key = bytes.fromhex(of[0].get("value"))
        name = KEYS.get(key.decode("latin1"))
        if len(key) == 20:
            said.append("key=" + key.hex())
        elif key == b"peers" and len(of) == 2:
            raw = bytes.fromhex(of[1].get("value"))
            said += ["peers=" + ".".join(map(str, raw[i:i + 4])) + ":" +
                     str(int.from_bytes(raw[i + 4:i + 6], "big"))
                     for i in range(0, len(raw), 6)]
        elif name == "peer_id":
            raw = bytes.fromhex(of[1].get("value"))
            text = all(32 <= byte < 127 for byte in raw)
            said.append(f"{name}={raw.decode() if text else raw.hex()}")
        elif name:
            said.append(f"{name}={of[1].get('show')}")
    return " ".join(["HTTP_ANSWER"] + said)


lines = ours(sys.stdin) if sys.argv[1] == "ours" else theirs(sys.stdin)
print("\n".join(sorted(lines)))
