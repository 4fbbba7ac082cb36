# What our `trace --json` and tshark's dissectors say of a file's BitTorrent
# messages: a line each, sorted, of the fields that both name.
# usage: trace --json --addresses FILE | python3 bittorrent_dissected.py ours
#        tshark ... -T pdml | python3 bittorrent_dissected.py theirs
import json
import re
import sys
import xml.etree.ElementTree

# Our names, and theirs.
WIRE = {"length": "msg.length", "id": "msg.type", "piece": "piece.index",
        "begin": "piece.begin", "bytes": "piece.length", "port": "port",
        "bits": "msg.bitfield", "extension": "extended.id",
        "protocol": "protocol.name", "reserved": "reserved",
        "infohash": "info_hash", "peer_id": "peer_id"}
KRPC = {"query": "Request type", "transaction": "Transaction ID",
        "id": "id", "target": "target", "info_hash": "info_hash",
        "token": "token", "implied_port": "implied_port", "port": "port"}


def ours(lines):
    for line in lines:
        pairs = json.loads(line, object_pairs_hook=list)
        top = dict(pairs)
        if top["kind"] != "message" or top["state"] != "delivered":
            continue
        fields = top["fields"]
        names = [name for name, _ in fields]
        if "transaction" in names:
            kind = dict(fields)["kind"]
            yield " ".join(["krpc", kind] + sorted(
                [f"{k}={octets(k, v)}" for k, v in fields if k in KRPC] +
                ends_of_ours(fields)))
        elif names[0] == "length":
            said = [f"{k}={octets(k, v)}" for k, v in fields if k in WIRE]
            if top["message"] == "EXTENDED":
                said = said[:3]  # what follows is bencoded
                if dict(fields)["extension"] == 0:
                    said += [str(v) for k, v in fields if k in ("key", "value")]
            elif top["message"] == "HANDSHAKE":
                said = said[1:]
            yield " ".join(["wire"] + said)


# As they print it; a transaction of ours has two bytes.
def octets(name, value):
    if name == "reserved":
        return f"{value:016x}"
    if name == "transaction" and len(value) == 2:
        return value.encode().hex()
    return str(value).removeprefix("0x")


def ends_of_ours(fields):
    found = []
    for name, value in fields:
        if name == "nodes" and value:
            found += [f"node={dict(n)['id'][2:]},{dict(n)['node']}"
                      for n in value]
        if name == "values":
            found += [f"peer={a}" for part in value if isinstance(part, list)
                      for a in part]
    return found


def theirs(file):
    for packet in xml.etree.ElementTree.parse(file).getroot():
        for proto in packet:
            if proto.get("name") == "bt-dht":
                yield krpc(proto)
            elif proto.get("name") == "bittorrent":
                for one in proto.findall("field[@name='bittorrent.msg']"):
                    yield wire(one)
                if proto.get("size") == "4":
                    yield "wire length=0"  # a keep-alive has no fields there
                if proto.find("field[@name='bittorrent.peer_id']") is not None:
                    yield wire(proto)


def wire(message):
    said = []
    names = {"bittorrent." + theirs: ours for ours, theirs in WIRE.items()}
    for field in message.iter("field"):
        name, show = field.get("name"), field.get("show")
        if name in names:
            if show.startswith("0x"):
                show = int(show, 16)
            if names[name] in ("bits", "reserved", "infohash", "peer_id"):
                show = field.get("value")
            said.append(f"{names[name]}={show}")
        elif name in ("bencode.str", "bencode.int"):
            said.append(show)
    return " ".join(["wire"] + said)


def krpc(message):
    kind, said = "", []
    for field in message.iter("field"):
        show = field.get("showname", "")
        name, _, value = show.partition(": ")
        if field.get("name") == "bt-dht.bencoded.dict_entry":
            said += [f"{k}={value}" for k, v in KRPC.items() if v == name]
            if name == "Message type":
                kind = {"Request": "q", "Response": "r", "Error": "e"}[value]
        found = re.search(r"^Node \d+ \(id: (\w+), IPv4/Port: (.*)\)", show)
        if found:
            said.append(f"node={found[1]},{found[2]}")
        found = re.search(r"^Peer \d+ \(IP/Port: (.*)\)", show)
        if found:
            said.append(f"peer={found[1]}")
    return " ".join(["krpc", kind] + sorted(said))


lines = ours(sys.stdin) if sys.argv[1] == "ours" else theirs(sys.stdin)
print("\n".join(sorted(lines)))
