#!/usr/bin/env python3
"""Datagrams of a liar, as fast as they go: noise, broken headers, and for
Kelips gossip of made-up nodes and files that decodes well.

usage: flood.py PORT SECONDS PSTR|KLPS
"""
import random
import socket
import sys
import time

port, seconds, magic = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3].encode()
rng = random.Random(1)


def entry():
    ident = rng.randbytes(20)  # its group: modulo 4
    return (bytes([rng.randrange(2), 0, ident[19] % 4, 11]) + rng.randbytes(3)
            + b"\x1b\x58" + rng.randbytes(4) + bytes(4) + ident + bytes(3))


def datagram(kind):
    if kind == 0:
        return rng.randbytes(rng.randrange(1400))
    if kind == 1 or magic == b"PSTR":  # ids of 16 bits, any type and body
        head = magic + bytes([1, rng.randrange(1, 15)]) + (
            b"\x04\x04\x01" + bytes(14) if magic == b"PSTR" else b"\x00\x04")
        return head + rng.randbytes(rng.randrange(200))
    return (magic + b"\x01\x03\x00\x04" + rng.randbytes(24)
            + b"".join(entry() for _ in range(33)))


some = [datagram(i % 3) for i in range(3000)]
end, sent = time.time() + seconds, 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    while time.time() < end:
        for d in rng.sample(some, 100):
            try:
                s.sendto(d, ("127.0.0.1", port))
                sent += 1
            except OSError:  # ECONNREFUSED, ENOBUFS: go on
                pass
print(sent, "datagrams")
