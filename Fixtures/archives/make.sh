#!/usr/bin/env bash
# Zip archives, each with one thing that a reader must know or notice. Python's zipfile writes them; where it cannot,
# a few bytes of what it wrote are changed.
set -euo pipefail
cd "$(dirname "$0")"
LC_ALL=C.UTF-8 python3 - <<'END'
import io, struct, zipfile

ELF = bytes([0x7F, *b"ELF", 2, 1, 1]) + bytes(57)
TEXT = b"".join(b"line %d of a text that deflates\n" % n for n in range(4000))
STAMP = (2024, 1, 1, 0, 0, 0)


def info(name, method, mode=0o100644):
    entry = zipfile.ZipInfo(name, STAMP)
    entry.compress_type = method
    entry.create_system = 3
    entry.external_attr = mode << 16
    return entry


class Unseekable(io.RawIOBase):
    """A pipe: sizes and checksums can only follow the data."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def archive(members, comment=b"", target=None):
    target = io.BytesIO() if target is None else target
    with zipfile.ZipFile(target, "w") as zip:
        zip.comment = comment
        for name, method, data in members:
            zip.writestr(info(name, method), data)
    return bytes(target.data if isinstance(target, Unseekable) else target.getvalue())


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)


def central(data, index=0):
    """The offset of the central header number `index`."""
    place = struct.unpack_from("<I", data, data.rindex(b"PK\5\6") + 16)[0]
    for _ in range(index):
        place += 46 + sum(struct.unpack_from("<HHH", data, place + 28))
    return place


def patched(data, *changes):
    data = bytearray(data)
    for format, place, value in changes:
        struct.pack_into(format, data, place, value)
    return bytes(data)


S, D = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
plain = [("package/", S, b""), ("package/stored.so", S, ELF), ("package/text.txt", D, TEXT), ("empty", D, b"")]
good = archive(plain)
write("good.zip", good)
write("comment.zip", archive(plain, b"PK\5\6 is no directory. " * 20))
write("prefix.zip", b"#!/bin/sh\nexit 1\n" + good)
write("streamed.zip", archive(plain, target=Unseekable()))
write("methods.zip", archive([("bzip2", zipfile.ZIP_BZIP2, TEXT), ("lzma", zipfile.ZIP_LZMA, TEXT)]))
names = ["na\u00efve.so", "new\nline", "back\\slash", " space "]
write("names.zip", archive([(name, S, b"x") for name in names]))
write("empty.zip", archive([]))

# Sizes and offsets in extra fields, and a zip64 directory, as Python writes them past 4 GiB and 65,535 members.
keep = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 32, 1
write("zip64.zip", archive(plain))
zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = keep

with zipfile.ZipFile("links.zip", "w") as zip:
    zip.writestr(info("link", S, 0o120777), "../../etc/passwd")

import warnings
warnings.simplefilter("ignore")
write("duplicate.zip", archive([("a.so", S, b"first"), ("b.so", S, b"other"), ("a.so", D, b"second")]))
write("escapes.zip", archive([("../../etc/passwd", S, b"x"), ("/etc/passwd", S, b"x"), ("a/../b", S, b"x")]))
write("deep.zip", archive([("a/" * 10000 + "b", S, b"x"), ("shallow", S, b"x")]))

text = central(good, 2)
write("encrypted.zip", patched(good, ("<H", text + 8, 1)))
write("wrong-size-more.zip", patched(good, ("<I", text + 24, len(TEXT) + 1)))
write("wrong-size-less.zip", patched(good, ("<I", text + 24, len(TEXT) - 1)))
write("wrong-size-stored.zip", patched(good, ("<I", central(good, 1) + 24, 65)))
write("wrong-checksum.zip", patched(good, ("<I", text + 16, 0x12345678)))
write("wrong-compressed-size.zip", patched(good, ("<I", text + 20, 50)))
write("wrong-count.zip", patched(good, ("<H", len(good) - 12, 7), ("<H", len(good) - 14, 7)))
write("wrong-name.zip", good.replace(b"package/text", b"package/TEXT", 1))
write("wrong-offset.zip", patched(good, ("<I", text + 42, 0x7FFFFFFF)))
write("wrong-method.zip", patched(good, ("<H", text + 10, 9),
                                  ("<H", struct.unpack_from("<I", good, text + 42)[0] + 8, 9)))
write("overlap.zip", patched(good, ("<I", central(good, 1) + 20, 4096), ("<I", central(good, 1) + 24, 4096)))
write("same-data.zip", patched(good, ("<I", text + 42, struct.unpack_from("<I", good, central(good, 1) + 42)[0])))
corrupt = bytearray(good)
start = struct.unpack_from("<I", good, text + 42)[0] + 30 + len("package/text.txt")
corrupt[start + 300 : start + 310] = bytes(10)
write("corrupt.zip", bytes(corrupt))
write("truncated.zip", good[: len(good) // 2])
write("no-directory.zip", good[: central(good)] + good[-22:])
write("disks.zip", patched(good, ("<H", len(good) - 18, 3)))
END
