"""Copies a file with bytes changed.

usage: patch.py IN OUT EDIT…     where EDIT is, applied in order,
  OFFSET=HEX        overwrite bytes            (OFFSET: a number, or PATTERN+N: N bytes after the first fat binary)
  size:N            cut or zero-extend to N bytes
  no-sections       forget the section table (the bytes stay)
  compress:SECTION  store this section as SHF_COMPRESSED (zlib)
  section:NAME:FIELD=NUMBER   a field of a section header: type, flags, offset, size, …
  prepend:HEX, append:HEX
"""
import struct
import sys
import zlib

FIELDS = {"name": (0, "<I"), "type": (4, "<I"), "flags": (8, "<Q"), "address": (16, "<Q"), "offset": (24, "<Q"), "size": (32, "<Q"), "align": (48, "<Q")}


def header(data, wanted):
    table, = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    strings, = struct.unpack_from("<Q", data, table + 64 * names + 24)
    for at in range(table, table + 64 * count, 64):
        start = strings + struct.unpack_from("<I", data, at)[0]
        if bytes(data[start : data.index(b"\0", start)]).decode() == wanted:
            return at
    sys.exit(f"patch.py: no section {wanted}")


def place(data, text):
    if text.startswith("fatbin"):
        return data.index(b"\x50\xed\x55\xba") + int(text[6:] or "0", 0)
    return int(text, 0)


source, target, *edits = sys.argv[1:]
data = bytearray(open(source, "rb").read())
for edit in edits:
    if edit == "no-sections":
        data[40:48] = bytes(8)
        data[60:64] = bytes(4)
    elif edit.startswith("size:"):
        size = int(edit[5:], 0)
        data = data[:size] + bytes(max(0, size - len(data)))
    elif edit.startswith("compress:"):
        at = header(data, edit[9:])
        flags, _, offset, size = struct.unpack_from("<QQQQ", data, at + 8)
        packed = struct.pack("<IIQQ", 1, 0, size, 8) + zlib.compress(bytes(data[offset : offset + size]), 9)
        assert len(packed) < size
        data[offset : offset + size] = packed + bytes(size - len(packed))
        struct.pack_into("<Q", data, at + 8, flags | 0x800)
        struct.pack_into("<Q", data, at + 32, len(packed))
    elif edit.startswith("section:"):
        name, assignment = edit[8:].rsplit(":", 1)
        field, value = assignment.split("=")
        shift, form = FIELDS[field]
        struct.pack_into(form, data, header(data, name) + shift, int(value, 0))
    elif edit.startswith("prepend:"):
        data = bytearray(bytes.fromhex(edit[8:])) + data
    elif edit.startswith("append:"):
        data += bytes.fromhex(edit[7:])
    else:
        where, value = edit.split("=")
        at, value = place(data, where), bytes.fromhex(value)
        assert at + len(value) <= len(data), edit
        data[at : at + len(value)] = value
open(target, "wb").write(data)
