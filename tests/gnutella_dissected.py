# What our `trace --json` and tshark's dissector say of a file's Gnutella
# messages: a line each, of the fields that both name.
# usage: trace --json --addresses FILE | python3 gnutella_dissected.py ours
#        python3 gnutella_dissected.py fields   # for `tshark -T fields -e ...`
#        tshark -T fields -E separator=/t -E aggregator='|' ... |
#            python3 gnutella_dissected.py theirs
import json
import sys

HEADER = ["id", "payload", "ttl", "hops", "size"]
FIELDS = ["gnutella.header." + name for name in HEADER] + [
    "gnutella.query.min_speed", "gnutella.query.search",
    "gnutella.pong.ip", "gnutella.pong.port", "gnutella.pong.files",
    "gnutella.pong.kbytes", "gnutella.queryhit.count", "gnutella.queryhit.ip",
    "gnutella.queryhit.port", "gnutella.queryhit.speed",
    "gnutella.queryhit.hit.index", "gnutella.queryhit.hit.size",
    "gnutella.queryhit.hit.name", "gnutella.queryhit.hit.extra",
    "gnutella.queryhit.extra", "gnutella.queryhit.servent_id",
    "gnutella.push.servent_id", "gnutella.push.index", "gnutella.push.ip",
    "gnutella.push.port"]


# A whole message as tshark has it: its fields that are not empty.
def said(values):
    return " ".join(str(v) for v in values if v not in ("", None))


def theirs(lines):
    for line in lines:
        yield said(v.replace(":", "") if name.endswith(("id", "extra")) else v
                   for name, v in zip(FIELDS, line.rstrip("\n").split("\t")))


def swapped(flags):  # the dissector reads them in the other order
    return int.from_bytes(int(flags, 16).to_bytes(2, "big"), "little")


def address(node):
    return (node or "0.0.0.0:0").split(":")


def ours(lines):
    for line in lines:
        top = json.loads(line)
        if top["kind"] != "message" or top["state"] != "delivered":
            continue
        f, kind = top["fields"], top["message"]
        values = [f["id"], f["type"], f["ttl"], f["hops"], f["length"]]
        if kind == "QUERY":
            values += [swapped(f["flags"]), f["text"]]
        elif kind == "PONG":
            values += [*address(f["node"]), f["files"], f["kilobytes"]]
        elif kind == "QUERY_HIT":
            values += [f["hits"], *address(f["holder"]), f["speed"]]
            results = f["results"]
            for name in ("index", "size", "name"):
                values.append("|".join(str(r[name]) for r in results))
            values.append("|".join(r["extensions"][0].encode().hex()
                                   for r in results if "extensions" in r))
            values.append(f["vendor"].encode().hex() + "".join(
                f"{f[name]:02x}" for name in ("open_size", "flags", "flags2"))
                + "".join(f"{g['ggep']:02x}{g['flags']:02x}" +
                          g["extension"].encode().hex() +
                          f"{g['length']:02x}" + g["data"]
                          for g in f.get("extensions", [])))
            values.append(f["servent"])
        elif kind == "PUSH":
            values += [f["servent"], f["index"], *address(f["asker"])]
        yield said(values)


if sys.argv[1] == "fields":
    print(" ".join("-e " + name for name in FIELDS))
else:
    for said_line in {"ours": ours, "theirs": theirs}[sys.argv[1]](sys.stdin):
        print(said_line)
