"""Writes a fat binary by hand.

usage: synthesise.py OUT KIND:SM:MAJOR.MINOR:FLAGS:FILE…     flag 0x1000 compresses the payload with zlib
"""
import struct
import sys
import zlib

target, *entries = sys.argv[1:]
body = b""
for entry in entries:
    kind, sm, version, flags, name = entry.split(":")
    major, minor = map(int, version.split("."))
    payload, stored, size = open(name, "rb").read(), 0, 0
    if int(flags, 0) & 0x1000:
        size = len(payload)
        payload = zlib.compress(payload, 9)
        stored = len(payload)
    payload += bytes(-len(payload) % 8)
    body += struct.pack("<HHIQIIHHIIIQQQ", int(kind, 0), 0x101, 64, len(payload), stored, 0, minor, major, int(sm), 0, 0, int(flags, 0), 0, size)
    body += payload
open(target, "wb").write(struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body)
