#!/usr/bin/env bash
# Archives that mean harm: each lies in one way, and holds a good library (good.so) besides wherever its structure allows.
# scans.json says what a reader must report and what it finds all the same. Those too large to be kept are made by the tests.
# What names or links lead out of the archive to is never there; the tests put bait in its place.
set -euo pipefail
cd "$(dirname "$0")"
PYTHONPATH=../tools PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 python3 - <<'END'
import bz2, glob, gzip, json, struct, zlib
from archives import *

# Files with device code that differ.
GOOD = open("../targets/ptx-11.8.so", "rb").read()
MANY = [open(path, "rb").read() for path in sorted(glob.glob("../hardware/compute_*.fatbin"))]
OTHER = MANY[0]
# Where absolute links and names lead to: wherever the tests let the program run.
HERE = "/proc/self/cwd/"
expected = []


def case(name, data, note, *problems, found=("good.so",), status=None, **more):
    """problems: CODE: TEXT, all of those that are reported; found: the files with device code."""
    if data is None:
        pass
    elif isinstance(data, Layout):
        for path, contents in data.files.items():
            write(f"{name}/{path}", contents)
    else:
        write(name, data)
    rows = [dict(zip(["code", "text"], problem.split(": ", 1))) for problem in problems]
    status = (2 if problems else 0) if status is None else status
    expected.append({"file": name, "note": note, "problems": rows, "found": sorted(found), "status": status, **more})


def cuts(name, *rows):
    """What is left of an archive that is cut: rows of size, found, problems."""
    for size, found, *problems in rows:
        case(name, None, f"cut after {size} bytes", *problems, found=found, size=size)


good = member("good.so", GOOD)
ORDER = "good-1.0.dist-info/"
wheel = [good, member(ORDER + "METADATA", b"Metadata-Version: 2.1\nName: good\nVersion: 1.0\n"),
         member(ORDER + "RECORD", b"good.so,,\ngood-1.0.dist-info/METADATA,,\ngood-1.0.dist-info/RECORD,,\n")]


def wheels(name, members, note, *problems, **more):
    fields = {key: more.pop(key) for key in list(more) if key in
              ["prefix", "suffix", "comment", "between", "zip64", "count", "size", "offset", "disk"]}
    case(name + ".whl", zip_archive(members + wheel, **fields), note, *problems, **more)


# ---- Zip: names and links

wheels("names-outside", [member(name, OTHER) for name in
       ["../escape.fatbin", "../../../../../../escape.fatbin", HERE + "escape.fatbin", "a/../../escape.fatbin", ".."]],
       "names that lead out of the folder", *["outOfBounds: zip member path"] * 5,
       found=["good.so", "../escape.fatbin", "../../../../../../escape.fatbin", HERE + "escape.fatbin", "a/../../escape.fatbin", ".."])
wheels("names-windows", [member(name, OTHER) for name in ["C:\\escape.fatbin", "..\\..\\escape.fatbin", "\\\\host\\escape.fatbin"]],
       "names that lead out of a folder of Windows are ordinary ones",
       found=["good.so", "C:\\escape.fatbin", "..\\..\\escape.fatbin", "\\\\host\\escape.fatbin"])
CONTROLS = [b"new\nline.fatbin", b"\rreturn.fatbin", b"\x1b[31mred\x1b]0;title\x07.fatbin", b"\x1b[2J\x1b[H.fatbin", b"tab\t.fatbin",
            b"back\x08\x08\x08.fatbin", b"delete\x7f.fatbin", "c1\u009b31m.fatbin".encode(), "bidi\u202egnp.fatbin".encode(),
            b"latin\xe9.fatbin", b"\xff\xfe\xfd.fatbin", b"overlong\xc0\xaf.fatbin", b"surrogate\xed\xa0\x80.fatbin",
            "zero\u200bwidth.fatbin".encode(), b"quote\"\\.fatbin", b"-o.fatbin", b"%s%n.fatbin", "\ufeffmark.fatbin".encode()]
case("names-controls.whl", zip_archive([member(name, data) for name, data in zip(CONTROLS, MANY)] + wheel),
     "names with control characters, escape sequences and what is not UTF-8", found=["good.so"], hex=[name.hex() for name in CONTROLS])
wheels("names-zero", [member(b"nul.so\0.txt", OTHER), member("", OTHER)], "a NUL in a name, and no name",
       "invalidValue: zip member path", "invalidValue: zip member path")
wheels("names-long", [member("n" * 4097, OTHER), member("m/" * 2048 + "x", OTHER), member("l" * 65535, b""), member("k" * 4096, OTHER)],
       "names of more than 4096 bytes", *["limitExceeded: zip member path"] * 3, found=["good.so", "k" * 4096])
wheels("names-deep", [member("d/" * 10000 + "deep.fatbin", OTHER), member("e/" * 2040 + "deep.fatbin", OTHER)],
       "paths of 10,000 and 2,040 folders", "limitExceeded: zip member path", found=["good.so", "e/" * 2040 + "deep.fatbin"])
wheels("duplicate", [member("a.fatbin", b"first"), member("a.fatbin", OTHER)], "a name twice: the last one counts",
       "invalidValue: zip member a.fatbin", found=["good.so", "a.fatbin"])
wheels("file-and-folder", [member("a", OTHER), member("a/", b"", STORED, mode=0o040755), member("a/b.fatbin", MANY[1])],
       "a file, a folder and a file in it with one name", found=["good.so", "a", "a/b.fatbin"])
wheels("links", [member(name, target.encode(), STORED, mode=0o120777) for name, target in
        [("absolute.fatbin", HERE + "bait.fatbin"), ("up.fatbin", "../bait.fatbin"), ("loop", "loop"), ("long", "x" * 9000)]],
       "symbolic links to files outside, to itself, and a long one")
wheels("link-then-file", [member("folder", b"..", STORED, mode=0o120777), member("folder/escape.fatbin", OTHER)],
       "a link to a folder outside, and a file through it", found=["good.so", "folder/escape.fatbin"])
wheels("devices", [member("fifo", b"", STORED, mode=0o010644), member("device.fatbin", OTHER, mode=0o020644), member("socket", b"", STORED, mode=0o140755)],
       "modes of a FIFO, a device and a socket: pip writes files", found=["good.so", "device.fatbin"])

# ---- Zip: sizes, checksums, offsets

wheels("size-more", [member("a.fatbin", OTHER, size=len(OTHER) + 1)], "more bytes claimed than there are", "mismatch: decompressed size")
wheels("size-less", [member("a.fatbin", OTHER, size=len(OTHER) - 1)], "fewer bytes claimed than there are", "mismatch: decompressed size")
wheels("size-huge", [member("a.fatbin", OTHER, size=0xFFFFFFFE)], "4 GB claimed, 288 bytes there", "mismatch: decompressed size")
wheels("size-stored", [member("a.fatbin", OTHER, STORED, size=len(OTHER) + 1)], "a stored member with two sizes", "mismatch: zip member a.fatbin")
wheels("stored-size-more", [member("a.fatbin", OTHER, stored_size=0x7FFFFFFF)], "more compressed bytes claimed than the archive has",
       "outOfBounds: zip member a.fatbin")
wheels("stored-size-less", [member("a.fatbin", OTHER, stored_size=9)], "fewer compressed bytes claimed than there are", "truncated: deflate stream")
wheels("checksum", [member("a.fatbin", OTHER, crc=0x12345678)], "another checksum", "corruptData: decompressed contents")
wheels("corrupt", [member("a.fatbin", OTHER, stored=b"\x07" * 100)], "no deflate stream", "corruptData: deflate stream")
packed = deflate(OTHER)
wheels("distance", [member("a.fatbin", OTHER, stored=b"\x63\x62\x80\x02\x06" + packed)], "a deflate stream that refers to what is in front of it",
       "corruptData: deflate stream")
wheels("behind-stream", [member("a.fatbin", OTHER, stored=packed + b"garbage" * 9)], "bytes behind the deflate stream",
       found=["good.so", "a.fatbin"])
wheels("endless", [member("a.fatbin", OTHER, stored=packed[:-9])], "a deflate stream without end", "truncated: deflate stream")
wheels("method", [member("a.fatbin", OTHER, 9), member("b.fatbin", OTHER, 97), member("c.fatbin", OTHER, 6), member("d.fatbin", OTHER, 0xFFFF)],
       "methods of compression that nobody reads", *[f"unsupported: zip member {name}.fatbin" for name in "abcd"])
wheels("encrypted", [member("a.fatbin", OTHER, flags=1, stored=bytes(range(200))),
                     member("b.fatbin", OTHER, 99, flags=1, stored=bytes(range(200)), extra=struct.pack("<HHHHBH", 0x9901, 7, 2, 0x4541, 3, 8)),
                     member("c.fatbin", OTHER, flags=0x41, stored=bytes(range(200)))],
       "members encrypted as PKWARE and as WinZip do it", *[f"unsupported: zip member {name}.fatbin" for name in "abc"])
wheels("local-name", [member("a.fatbin", OTHER, local_name=b"b.fatbin")], "another name in the member's own header", "mismatch: zip local header")
wheels("local-name-longer", [member("a.fatbin", OTHER, local_name=b"a.fatbin" * 8000)], "a longer name in the member's own header", "mismatch: zip local header")
wheels("local-method", [member("a.fatbin", OTHER, local_method=0)], "another method in the member's own header", "mismatch: zip local header")
wheels("local-sizes", [member("a.fatbin", OTHER, local_size=1 << 31, local_stored_size=1 << 31, local_crc=1)],
       "other sizes in the member's own header: the directory counts", found=["good.so", "a.fatbin"])
wheels("local-encrypted", [member("a.fatbin", OTHER, local_flags=1, stored=bytes(range(200)))], "encrypted by its own header alone",
       "corruptData: deflate stream")
wheels("local-extra", [member("a.fatbin", OTHER, STORED, local_extra=b"\xff" * 60000)], "a member's own header with 60 kB of extra fields",
       found=["good.so", "a.fatbin"])
wheels("no-local", [member("a.fatbin", OTHER, offset=7, stored_size=30)], "an offset at which no header lies", "invalidValue: zip local header")
wheels("offset-directory", [member("a.fatbin", OTHER, offset=0x7FFFFFFF)], "an offset behind the directory", "outOfBounds: zip member a.fatbin")
wheels("descriptor", [member("a.fatbin", OTHER, flags=8, local_crc=0, local_size=0, local_stored_size=0, stored=packed + struct.pack("<IIII", 0x08074B50, 1, 2, 3),
                             stored_size=len(packed))], "a data descriptor with wrong numbers: the directory counts", found=["good.so", "a.fatbin"])

# ---- Zip: the directory

wheels("zip64", [], "a zip64 archive as it should be", zip64={}, count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF)
whole = zip_archive(wheel)
directory = struct.unpack_from("<I", whole, len(whole) - 6)[0]
case("whole.whl", whole, "as it should be; the tests cut it")
cuts("whole.whl", (3, [], "invalidValue: file"), *[(size, [], "truncated: zip archive") for size in
     [4, 29, 30, 37, 500, directory - 1, directory, directory + 20, directory + 46, directory + 53, len(whole) - 22, len(whole) - 12, len(whole) - 1]])
wheels("zip64-count", [], "a zip64 record with another number of members", "mismatch: number of zip members", zip64={"count": 1 << 63})
case("zip64-size.whl", zip_archive(wheel, zip64={"size": 2**64 - 1}), "a zip64 directory of 2^64 bytes", "outOfBounds: zip directory", found=[])
case("zip64-offset.whl", zip_archive(wheel, zip64={"offset": 2**64 - 5}), "a zip64 directory at 2^64", "outOfBounds: zip directory", found=[])
wheels("zip64-place", [], "a zip64 locator that leads nowhere", zip64={"place": 1 << 62})
case("zip64-no-record.whl", zip_archive(wheel, between=b"", zip64={"place": 1 << 62}).replace(struct.pack("<I", 0x06064B50), b"PK66"),
     "a zip64 locator without a record", "invalidValue: zip64 end of directory", found=[])
wheels("zip64-members", [
    member("a.fatbin", OTHER, size=0xFFFFFFFF, extra=zip64_extra(1 << 63)), member("b.fatbin", OTHER, stored_size=0xFFFFFFFF, extra=zip64_extra(2**64 - 10)),
    member("c.fatbin", OTHER, offset=0xFFFFFFFF, extra=zip64_extra(2**64 - 1))],
    "members with sizes and offsets near 2^64", "limitExceeded: zip member a.fatbin", "outOfBounds: zip member b.fatbin", "outOfBounds: zip member c.fatbin")
wheels("zip64-no-extra", [member("a.fatbin", OTHER, size=0xFFFFFFFF)], "a size that stands in an extra field, which is not there",
       "mismatch: decompressed size")
wheels("zip64-short-extra", [member("a.fatbin", OTHER, size=0xFFFFFFFF, extra=struct.pack("<HHI", 1, 4, 7))], "an extra field too short for its size",
       "truncated: zip64 extra field")
wheels("extra-past-end", [member("a.fatbin", OTHER, extra=struct.pack("<HH", 1, 0xFFFF))], "an extra field longer than all of them",
       "outOfBounds: zip64 extra field")
wheels("prefix", [], "a script in front of the archive", found=["good.so"], prefix=b"#!/bin/sh\nexit 1\n" * 50)
wheels("suffix", [], "bytes behind the archive", suffix=b"behind" * 500)
case("suffix-long.whl", zip_archive(wheel, suffix=bytes(70000)), "more bytes behind the archive than a comment may have", "truncated: zip archive", found=[])
case("two-archives.whl", zip_archive([member("first.fatbin", OTHER)]) + zip_archive(wheel), "two archives, one behind the other: the last one counts")
wheels("comment-record", [], "a comment that holds an end record: the last one counts, as for pip", found=[], comment=struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0) + b"!" * 30)
wheels("spanned", [], "the last part of an archive in several files", "unsupported: zip archive", disk=3, found=[])
wheels("spanned-mark", [], "the mark of an archive in several files, which is in one", prefix=b"PK\7\10")
wheels("spanned-member", [member("a.fatbin", OTHER, disk=7)], "a member that says it is in another part of the archive", found=["good.so", "a.fatbin"])
wheels("count-more", [], "more members claimed than there are", "mismatch: number of zip members", count=60000)
wheels("count-less", [], "fewer members claimed than there are", "mismatch: number of zip members", count=1)
case("no-directory.whl", zip_archive(wheel, size=0, offset=0, count=3), "a directory of no bytes", "mismatch: number of zip members", found=[])
wheels("directory-size", [], "a directory larger than the archive", "outOfBounds: zip directory", size=0x7FFFFFFF, found=[])
wheels("directory-short", [member("a.fatbin", OTHER)], "a directory that begins in the middle of a header", "invalidValue: zip central header", size=200, found=[])
wheels("directory-broken", [], "bytes between the members and the directory, which is said to begin there", "invalidValue: zip central header",
       between=b"no header" * 9, size=81 + sum(46 + len(m["name"]) for m in wheel), offset=sum(30 + len(m["name"]) + len(m["stored"]) for m in wheel), found=[])
case("empty.whl", b"", "no byte", found=[])
case("end-record.whl", zip_archive([]), "an end record and nothing else", found=[])
case("end-record-lies.whl", zip_archive([], count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF), "an end record that claims everything", "outOfBounds: zip directory", found=[])

# ---- Zip: many members over the same bytes

# Each header is inside a stored block of deflate of the member before, so that all end with the same data (D. Fifield,
# "A better zip bomb", 2019: quoted overlap).
kernel = deflate(bytes(1 << 20))
names = [f"{n:03}.so" for n in range(200)]
headers = [struct.pack("<IHHHIIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, 0, len(name), 0) + name.encode() for name in names]
body, members, sizes = kernel, [], []
total = 1 << 20
parts = [(headers[-1], kernel)]
for name, header in zip(reversed(names), reversed(headers)):
    members.append((name, len(header + body), total))
    body = b"\0" + struct.pack("<HH", len(header), 0xFFFF ^ len(header)) + header + body
    total += len(header)
length = len(body) - 5
rows = [member(name, local=False, offset=length - size, stored_size=size - 30 - len(name), size=full)
        for name, size, full in reversed(members)]
local = zip_archive([good])[: 30 + len("good.so") + len(deflate(GOOD))]
rows[-1]["crc"] = zlib.crc32(bytes(1 << 20))
rows.append(member("good.so", GOOD, local=False, offset=length))
case("overlap-quoted.whl", body[5:] + local + zip_archive(rows, offset=length + len(local)),
     "200 members, each of which holds the headers of those behind it", *["overlap: zip member"] * 199, "invalidValue: file")
shared = [member(f"{n:02}.fatbin", b"", local=False, offset=0, stored_size=len(packed), size=len(OTHER), crc=zlib.crc32(OTHER)) for n in range(1, 100)]
wheels("overlap-same", [member("00.fatbin", OTHER), *shared], "100 members of the same bytes", *["overlap: zip member"] * 99, "mismatch: zip local header")
wheels("overlap-extra", [member("a.fatbin", OTHER, STORED, local_extra=bytes(0)), member("b.fatbin", OTHER, STORED, local=False, offset=1)],
       "a member in the header of another", "overlap: zip member a.fatbin", "overlap: zip member b.fatbin")

# ---- Zip: what is inside

inner = zip_archive(wheel)
wheels("nested", [member("inner.whl", inner), member("inner.tar.gz", gzip.compress(tar(entry("x.so", GOOD)), mtime=0)),
                  member("inner.so.gz", gzip.compress(OTHER, mtime=0))], "archives in archives are not looked into",
       "unsupported: zip archive", "unsupported: compressed tar", "unsupported: file compressed with gzip")
wheels("methods", [member(f"{n}.fatbin", MANY[n], method) for n, method in enumerate([STORED, DEFLATE, BZIP2, ZSTD, XZ])], "every method that is read",
       found=["good.so", *[f"{n}.fatbin" for n in range(5)]])
wheels("zstd-window", [member("a.so", method=ZSTD, stored=zstd_zeros(1 << 20, 25), size=1 << 20)], "a window of 32 MiB in a member", "limitExceeded: zstd stream")


wheels("xz-memory", [member("a.so", method=XZ, stored=xz(bytes(1 << 20), 26), size=1 << 20)], "a dictionary of 32 MiB in a member", "limitExceeded: xz stream")


def record(name, text, note, *problems, found=("good.so",), more=(), metadata=b"Metadata-Version: 2.1\nName: good\nVersion: 1.0\n"):
    case(f"record-{name}.whl", zip_archive([good, member(ORDER + "METADATA", metadata), *more, member(ORDER + "RECORD", text)]), note, *problems, found=found)


record("outside", f"../../bait.fatbin,,\n{HERE}bait.fatbin,,\n/etc/passwd,,\ngood.so,,\n".encode(), "RECORD names files outside")
record("quotes", b'"good.so,,\n"unbalanced\n' * 1000, "RECORD with quotes that never end")
record("binary", bytes(range(256)) * 40, "RECORD of all bytes")
record("long", b"x" * 2_000_000 + b",,\ngood.so,,\n", "RECORD with a line of 2 MB")
record("lines", b"good.so,,\n" * 200_000, "RECORD that names one file 200,000 times")
record("wrong", b"good.so,sha256=AAAA,-5\ngood.so,md5=,99999999999999999999999\n", "RECORD with wrong digests and sizes")
record("escapes", b"good.so,,\n", "a distribution whose name is an escape sequence",
       metadata=b"Metadata-Version: 2.1\nName: \x1b[31mred\x1b]0;title\x07\xff\nVersion: \x9b1.0\r\x1b[2J\n")
record("two", b"good.so,,\n", "two distributions that claim one file", more=[
    member("other-2.0.dist-info/METADATA", b"Name: other\nVersion: 2.0\n"), member("other-2.0.dist-info/RECORD", b"good.so,,\n")])
record("folder", b"", "RECORD and METADATA are folders as well", more=[member(ORDER + "RECORD/", b"", STORED), member(ORDER + "METADATA/x", b"")])

# ---- Root file systems as tars

F = [entry("good.so", GOOD)]


def root(name, entries, note, *problems, found=("good.so",), first=False, **more):
    """first: the good library stands in front, because nothing behind the rest can be found."""
    case(name + ".tar", tar(*F, *entries) if first else tar(*entries, *F), note, *problems, found=found, **more)


root("root-links", [entry("absolute.fatbin", kind=LINK, link=HERE + "bait.fatbin"), entry("up.fatbin", kind=LINK, link="../bait.fatbin"),
                    entry("host", kind=LINK, link="/"), entry("etc", kind=FOLDER), entry("etc/passwd", kind=LINK, link="../../../../etc/passwd"),
                    entry("nothing", kind=LINK, link="")],
     "symbolic links to files outside")
root("root-link-then-file", [entry("up", kind=LINK, link=".."), entry("up/escape1.fatbin", OTHER), entry("here", kind=LINK, link=HERE),
                             entry("here/escape2.fatbin", OTHER), entry("a", kind=FOLDER), entry("a/b", kind=LINK, link="../../.."), entry("a/b/escape3.fatbin", OTHER),
                             entry("void", kind=LINK, link="/not/there"), entry("void/escape4.fatbin", OTHER)],
     "links to folders outside, and files through them: they stay in the root",
     found=["good.so", "escape1.fatbin", "escape3.fatbin", "proc/self/cwd/escape2.fatbin", "not/there/escape4.fatbin"])
root("root-hard-links", [entry("up", kind=HARD, link="../bait.fatbin"), entry("absolute", kind=HARD, link=HERE + "bait.fatbin"), entry("itself", kind=HARD, link="itself"),
                         entry("first", kind=HARD, link="second"), entry("second", kind=HARD, link="first"), entry("early", kind=HARD, link="good.so"),
                         entry("folder", kind=FOLDER), entry("same", kind=HARD, link="folder"), entry("empty", kind=HARD, link="")],
     "hard links to what is outside, missing, a folder, or themselves", *["notFound: layer member"] * 8)
root("root-hard-link-chain", [entry("0.fatbin", OTHER)] + [entry(f"{n + 1}.fatbin", kind=HARD, link=f"{n}.fatbin") for n in range(40)],
     "hard links to hard links", found=["good.so"] + [f"{n}.fatbin" for n in range(41)])
root("root-loops", [entry("a", kind=LINK, link="b"), entry("b", kind=LINK, link="a"), entry("a/x.fatbin", OTHER), entry("self", kind=LINK, link="self"), entry("self/x.fatbin", OTHER),
                    entry("longer", kind=LINK, link="longer/x"), entry("longer/y.fatbin", OTHER)],
     "files through links that lead to each other", *["limitExceeded: symbolic links"] * 3)
root("root-link-tower", [entry("l0", kind=FOLDER)] + [entry(f"l{n + 1}", kind=LINK, link=f"l{n}/../l{n}") for n in range(60)] + [entry("l60/x.fatbin", OTHER), entry("l4/y.fatbin", OTHER)],
     "links that double the way with each step", "limitExceeded: symbolic links", found=["good.so", "l0/y.fatbin"])
root("root-names", [entry("../../escape.fatbin", OTHER), entry("a/../../escape.fatbin", OTHER), entry(HERE + "absolute.fatbin", OTHER), entry("..", kind=FOLDER),
                    entry("x/./y//z/../w.fatbin", OTHER), entry("/", kind=FOLDER), entry("", OTHER), entry("slash.fatbin/", OTHER)],
     "names that lead out of the root, and a file that is a folder", *["outOfBounds: layer member"] * 3, "corruptData: tar", found=["good.so", "proc/self/cwd/absolute.fatbin", "x/y/w.fatbin"])
root("root-controls", [entry(name, data) for name, data in zip(CONTROLS, MANY)],
     "names with control characters, escape sequences and what is not UTF-8", hex=[name.hex() for name in CONTROLS])
root("root-deep", [pax({b"path": b"d/" * 10000 + b"deep.fatbin"}), entry("short", OTHER), long_name(b"e/" * 10000 + b"deep.fatbin"), entry("short", OTHER),
                   long_name(b"f/" * 2040 + b"deep.fatbin"), entry("short", OTHER)],
     "paths of 10,000 and 2,040 folders", *["limitExceeded: tar member path"] * 2, found=["good.so", "f/" * 2040 + "deep.fatbin"])
root("root-duplicate", [entry("a.fatbin", b"first"), entry("a.fatbin", OTHER), entry("b", OTHER), entry("b", kind=FOLDER), entry("b/c.fatbin", OTHER), entry("d", kind=FOLDER),
                        entry("d/lost.fatbin", OTHER), entry("d", OTHER), entry("e", kind=FOLDER), entry("e/lost.fatbin", OTHER), entry("e", kind=LINK, link="b"), entry("e/f.fatbin", OTHER)],
     "names twice, as files, folders and links: the last one counts", found=["good.so", "a.fatbin", "b/c.fatbin", "d", "b/f.fatbin"])
root("root-below-file", [entry("a", OTHER), entry("a/b.fatbin", OTHER), entry("a/b/c.fatbin", OTHER)], "files below a file", *["invalidValue: layer member"] * 2, found=["good.so", "a"])
root("root-devices", [entry("null", kind=CHARACTER), entry("disk", kind=BLOCK, device=(8, 0)), entry("fifo", kind=FIFO), entry("reserved", OTHER, kind=b"7"),
                      entry("unknown", OTHER, kind=b"Z"), entry("socket", kind=b"s"), entry("old", OTHER, kind=b"\0"), entry("memory.so", kind=CHARACTER, device=(1, 1))],
     "devices, a FIFO, a socket and kinds that nobody knows", found=["good.so", "reserved", "unknown", "old"])

# ---- Tar: headers

case("tar-size-more.tar", tar(*F, entry("a.fatbin", OTHER, size=1 << 30)), "a size larger than the tar", "truncated: tar", "truncated: tar member a.fatbin")
case("tar-size-less.tar", tar(*F, entry("a.txt", b"text " * 300, size=200)), "a size smaller than the contents, so that contents are taken for a header", "corruptData: tar")
case("tar-size-negative.tar", tar(*F, entry("a.fatbin", OTHER, size=b"\xff" * 12)), "a negative size", "corruptData: tar")
case("tar-size-huge.tar", tar(*F, entry("a.fatbin", OTHER, size=b"\x80\0\0\0" + b"\x7f" + b"\xff" * 7)), "a size of 2^63", "corruptData: tar")
case("tar-size-wrong.tar", tar(*F, entry("a.fatbin", b"", size=b"no number...")), "a size that is no number")
case("tar-checksum.tar", tar(*F, entry("a.fatbin", OTHER, checksum=1)), "a wrong checksum", "corruptData: tar")
case("tar-zeros.tar", tar(*F, bytes(1024), entry("hidden.fatbin", OTHER)), "members behind the end are not there", "invalidValue: tar")
case("tar-no-end.tar", tar(*F, end=b""), "no end")
case("tar-one-zero.tar", tar(*F, end=bytes(512)), "half an end")
case("tar-behind.tar", tar(*F, end=bytes(1024) + b"behind" * 1000), "bytes behind the end", "invalidValue: tar")
root("pax-size", [pax({b"size": b"99999999999999999999999"}), entry("a.fatbin", OTHER)], "an extended header with an absurd size", "corruptData: tar", first=True)
root("pax-size-negative", [pax({b"size": b"-1"}), entry("a.fatbin", OTHER)], "an extended header with a negative size", "corruptData: tar", first=True)
root("pax-length", [pax(b"99999999999 path=x\n"), entry("a.fatbin", OTHER)], "a record of an extended header that is longer than it", "corruptData: tar", found=["good.so", "a.fatbin"])
root("pax-no-equals", [pax(b"13 path  x  \n"), entry("a.fatbin", OTHER)], "a record without a value", "corruptData: tar", found=["good.so", "a.fatbin"])
root("pax-huge", [pax(b"", size=1 << 32), entry("a.fatbin", OTHER)], "an extended header of 4 GB", "corruptData: tar", first=True)
root("pax-paths", [pax({b"path": b""}), entry("empty.fatbin", OTHER), pax({b"path": b"nul\0.fatbin"}), entry("b.fatbin", MANY[1]), pax({b"linkpath": b"../bait.fatbin"}), entry("link", kind=LINK, link="x"),
                   pax({b"path": b"../escape.fatbin"}), entry("c.fatbin", OTHER)], "paths of extended headers", "outOfBounds: layer member", found=["good.so", "empty.fatbin", "nul"])
root("pax-global", [pax({b"path": b"../../escape.fatbin", b"size": b"1"}, b"g")], "a global header with a path")
root("pax-attributes", [pax({b"SCHILY.xattr." + b"n" * 900: b"\x1b[31m" * 9000, b"LIBARCHIVE.xattr.%%%": b"!!!!", b"SCHILY.acl.access": b"user::rwx," * 5000, b"mtime": b"nan", b"uid": b"9" * 400}),
                        entry("a.fatbin", OTHER)], "attributes without measure", found=["good.so", "a.fatbin"])
root("sparse", [pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"../escape.fatbin", b"GNU.sparse.realsize": str(1 << 62).encode()}),
                entry("a.fatbin", b"2\n0\n4611686018427387903\n4611686018427387903\n1\n".ljust(512, b"\0") + OTHER)], "a sparse file with an absurd map, of a name outside", "outOfBounds: layer member")
root("sparse-old", [pax({b"GNU.sparse.size": b"9223372036854775807", b"GNU.sparse.numblocks": b"3", b"GNU.sparse.map": b"0,1,5,9223372036854775807,2,7"}), entry("a.fatbin", OTHER)],
     "a sparse file of an older kind", *["corruptData: tar"] * 2, "unsupported: tar member a.fatbin", first=True)
root("sparse-many", [pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"a.fatbin", b"GNU.sparse.realsize": b"1000000"}),
                     entry("a.fatbin", (b"20000\n" + b"".join(b"%d\n1\n" % (2 * n) for n in range(20000))).ljust(200000, b"\0")), entry("hidden.fatbin", OTHER)], "a sparse file with 20,000 holes that is longer than they say", "unsupported: tar member a.fatbin",
     "invalidValue: tar", first=True)
case("name-huge.tar", tar(*F, long_name(b"n", size=b"\x80\0\0\0\0\0\0\1\0\0\0\0"), entry("x", OTHER)), "a long name of 4 GB", "corruptData: tar")
case("name-megabytes.tar.gz", gzip.compress(tar(*F, long_name(b"n" * 2_000_000), entry("x", OTHER)), mtime=0), "a long name of 2 MB", "corruptData: tar")
root("name-chain", [long_name(b"n" * 200) for _ in range(50)] + [entry("x.fatbin", OTHER)], "50 long names for one file", *["corruptData: tar"] * 2, found=["good.so", "n" * 200])
root("pax-chain", [pax({b"comment": b"x"}) for _ in range(50)] + [entry("x.fatbin", OTHER)], "50 extended headers for one file", *["corruptData: tar"] * 3,
     "invalidValue: tar member path", found=["good.so", "x.fatbin"])
case("long-link.tar", tar(*F, long_name(b"t" * 5000, b"K"), entry("link", kind=LINK, link="x")), "a link to a name of 5,000 bytes", "limitExceeded: tar link target")

# ---- Compressed tars

plain = tar(*F, entry("big", bytes(200_000)), entry("last.fatbin", OTHER))
packs = {"gz": gzip.compress(plain, mtime=0), "zst": zstd(plain, "--check"), "bz2": bz2.compress(plain), "xz": xz(plain)}
case("whole.tar", plain, "as it should be; the tests cut it", found=["good.so", "last.fatbin"])
# Offsets of the second member, of the third and of the end.
second = len(F[0])
third, last = second + 512 + 200_192, second + 512 + 200_192 + 1024
cuts("whole.tar", (300, [], "invalidValue: file"), (512, [], "truncated: tar", "truncated: tar member good.so"), (600, [], "truncated: tar", "truncated: tar member good.so"),
     (second, ["good.so"]), (second + 100, ["good.so"], "truncated: tar"), (second + 512, ["good.so"], "truncated: tar", "truncated: tar member big"),
     (second + 5000, ["good.so"], "truncated: tar", "truncated: tar member big"), (third, ["good.so"]), (third + 511, ["good.so"], "truncated: tar"),
     (third + 600, ["good.so"], "truncated: tar", "truncated: tar member last.fatbin"), (last, ["good.so", "last.fatbin"]),
     (last + 100, ["good.so", "last.fatbin"], "truncated: tar"), (last + 512, ["good.so", "last.fatbin"]))
for kind, data in packs.items():
    case(f"whole.tar.{kind}", data, "as it should be; the tests cut it", found=["good.so", "last.fatbin"])
    stream = {"gz": "deflate stream", "zst": "zstd stream", "xz": "xz stream"}.get(kind, "compressed stream")
    # Where nothing comes out of a stream, libarchive does not say why.
    early = "corruptData: " if kind == "bz2" else "truncated: "
    cuts(f"whole.tar.{kind}", *[(size, [], early + stream) for size in [6, 12, 20, len(data) // 2]],
         *[(size, [], "truncated: " + stream) for size in [len(data) - 8, len(data) - 4, len(data) - 1]])


def changed(data, place, value=None):
    data = bytearray(data)
    data[place] = data[place] ^ 0xFF if value is None else value
    return bytes(data)


case("gzip-checksum.tar.gz", changed(packs["gz"], -8), "another checksum at the end", "corruptData: deflate stream", found=[])
case("gzip-size.tar.gz", changed(packs["gz"], -1), "another size at the end", "corruptData: deflate stream", found=[])
case("gzip-header.tar.gz", packs["gz"][:3] + b"\x1c" + packs["gz"][4:10] + b"\xff\xff" + b"x" * 3000 + packs["gz"][10:], "a header with an extra field that eats the stream", "truncated: deflate stream", found=[])
case("gzip-twice.tar.gz", gzip.compress(plain[:7000], mtime=0) + gzip.compress(plain[7000:], mtime=0), "a tar in two gzip streams", found=["good.so", "last.fatbin"])
case("gzip-behind.tar.gz", packs["gz"] + b"behind" * 100, "bytes behind the gzip stream", found=["good.so", "last.fatbin"])
case("gzip-empty.tar.gz", gzip.compress(b"", mtime=0) * 100, "a hundred empty gzip streams, which are no tar", "unsupported: file compressed with gzip", found=[])
case("gzip-in-gzip.tar.gz", gzip.compress(packs["gz"], mtime=0), "compressed twice, which is no tar", "unsupported: file compressed with gzip", found=[])
case("zstd-checksum.tar.zst", changed(packs["zst"], -1), "another checksum at the end", "corruptData: zstd stream", found=[])
case("zstd-skippable.tar.zst", struct.pack("<II", 0x184D2A50, 1000) + bytes(1000) + packs["zst"], "a frame to be skipped in front", found=["good.so", "last.fatbin"])
case("zstd-dictionary.tar.zst", packs["zst"][:4] + bytes([packs["zst"][4] | 1]) + packs["zst"][5:6] + b"\x07" + packs["zst"][6:], "a dictionary that nobody has", "corruptData: zstd stream", found=[])
case("zstd-window.tar.zst", zstd_zeros(1 << 20, 31), "a window of 2 GiB", "limitExceeded: zstd stream", found=[])
case("zstd-behind.tar.zst", packs["zst"] + b"behind" * 100, "bytes behind the zstd frame", "corruptData: zstd stream", found=[])
case("bzip2-checksum.tar.bz2", changed(packs["bz2"], 10), "another checksum", "corruptData: compressed stream", found=[])
case("xz-corrupt.tar.xz", changed(packs["xz"], 200), "a corrupt block", "corruptData: xz stream", found=[])
case("xz-memory.tar.xz", xz(bytes(100 << 20), 37), "a dictionary of 1.5 GiB", "limitExceeded: xz stream", found=[])
case("xz-twice.tar.xz", xz(plain[:7000]) + xz(plain[7000:]), "a tar in two xz streams", found=["good.so", "last.fatbin"])

# ---- Images

def layered(data, **fields):
    layout = Layout()
    return layout, layout.layer(data, **fields)


one = tar(entry("good.so", GOOD))
two = tar(entry("second.fatbin", OTHER))
BOTH = ["good.so", "second.fatbin"]


def image(name, note, *problems, build, found=("good.so",), compressed=False, **more):
    """build gets a layout and makes its index; kept as a tar, or a folder where `folder` is set."""
    layout = Layout()
    build(layout)
    folder = more.pop("folder", False)
    data = layout if folder else layout.tar()
    if compressed:
        data = gzip.compress(data, 9, mtime=0)
    case("image-" + name + ("" if folder else ".tar.gz" if compressed else ".tar"), data, note, *problems, found=found, **more)


def simple(layers, **fields):
    def build(layout):
        layout.index([layout.manifest(layers(layout), **fields)])
    return build


image("good", "as it should be; the tests cut it", build=simple(lambda l: [l.layer(one), l.layer(gzip.compress(two, mtime=0))]), found=BOTH)
image("folder", "as it should be", build=simple(lambda l: [l.layer(one), l.layer(gzip.compress(two, mtime=0))]), found=BOTH, folder=True)
image("layer-digest", "a layer that is not what its digest says", "mismatch: layer digest",
      build=simple(lambda l: [l.layer(one), l.layer(two, digest="sha256:" + "1" * 64)]))
image("layer-digest-folder", "a layer that is not what its digest says", "mismatch: layer digest", folder=True,
      build=simple(lambda l: [l.layer(one), l.layer(two, digest="sha256:" + "1" * 64)]))
image("layer-size", "a layer of another size", "mismatch: size of the blob", build=simple(lambda l: [l.layer(one), l.layer(two, size=17)]), found=[])
image("layer-missing", "a layer that is not there", "notFound: file blobs/sha256/", build=simple(lambda l: [l.layer(one), l.layer(two, missing=True)]), found=[])
image("layer-foreign", "a layer that is only at an address", "notFound: file blobs/sha256/",
      build=simple(lambda l: [l.layer(one), l.layer(two, "layer.nondistributable.v1.tar", missing=True, urls=["http://127.0.0.1:9/layer", "file:///etc/passwd"])]), found=[])
image("layer-encrypted", "an encrypted layer", "unsupported: layer", build=simple(lambda l: [l.layer(one), l.layer(two, "layer.v1.tar+encrypted")]), found=[])
image("layer-kind", "layers compressed in another way than they say", found=BOTH,
      build=simple(lambda l: [l.layer(zstd(one), "layer.v1.tar+gzip"), l.layer(gzip.compress(two, mtime=0), "layer.v1.tar")]))
image("layer-cut", "a layer cut in its compressed stream, with the digest of what is left", "truncated: deflate stream", build=simple(lambda l: [l.layer(one), l.layer(gzip.compress(plain, mtime=0)[:-300])]))
image("layer-no-tar", "layers that are no tars", *["corruptData: tar"] * 3, build=simple(lambda l: [l.layer(one), l.layer(GOOD), l.layer(zip_archive(wheel)), l.layer(gzip.compress(packs["gz"], mtime=0))]))
image("layer-empty", "a layer of no byte", "corruptData: tar", build=simple(lambda l: [l.layer(one), l.layer(b"")]))
image("layer-digest-kind", "digests of other kinds", "unsupported: digest", build=simple(lambda l: [l.layer(one), l.layer(two, digest="sha512:" + "1" * 128)]), found=[])
image("layer-digest-path", "a digest that is a path", "unsupported: digest",
      build=simple(lambda l: [l.layer(one), {"mediaType": OCI + "layer.v1.tar", "digest": "sha256:../../../../bait.fatbin", "size": len(OTHER)}]), found=[])
image("layer-often", "one layer 200 times", build=simple(lambda l: [l.layer(one)] * 200))
image("layer-hidden", "layers that hide all and nothing", *["invalidValue: layer member"] * 3, found=["second.fatbin"], build=simple(lambda l: [
    l.layer(one), l.layer(tar(entry(".wh..wh..opq"), entry(".wh."), entry(".wh..."), entry("a/.wh.."), entry(".wh..wh.aufs"), entry(".wh.not-there"))), l.layer(two)]))
image("layer-hide-outside", "whiteouts that lead out of the root", "outOfBounds: layer member", build=simple(lambda l: [
    l.layer(tar(entry("out", kind=LINK, link="../../.."), entry("here", kind=LINK, link=HERE), entry("good.so", GOOD), entry("hidden.fatbin", OTHER))),
    l.layer(tar(entry("../.wh.bait.fatbin"), entry("here/.wh.bait.fatbin"), entry("out/.wh.hidden.fatbin"), entry(".wh.out/x"), entry("not/there/.wh..wh..opq")))]), found=["good.so"])
image("layer-hide-kind", "whiteouts that are folders and links", build=simple(lambda l: [
    l.layer(one), l.layer(tar(entry("other.fatbin", OTHER))), l.layer(tar(entry(".wh.other.fatbin", kind=FOLDER), entry("x/.wh..wh..opq", kind=LINK, link="/")))]))
image("config-digest", "a configuration that is not what its digest says", "mismatch: digest of a manifest",
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob({"os": "linux", "architecture": "amd64"}, "config.v1+json", digest="sha256:" + "2" * 64))]), found=[])
image("config-missing", "a configuration that is not there", "notFound: file blobs/sha256/",
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob({}, "config.v1+json", missing=True))]), found=[])
image("config-text", "a configuration that is no JSON", "invalidValue: file sha256:", build=lambda l: l.index([l.manifest([l.layer(one)], l.blob(b"\xff{]", "config.v1+json"))]), found=[])
image("config-kinds", "a configuration whose parts have other types", "invalidValue: file sha256:",
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob({"os": 7, "architecture": ["x"], "config": {"Env": 3}, "rootfs": "none"}, "config.v1+json"))]), found=[])
image("config-escapes", "names and environment with escape sequences",
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob(
          {"os": "linux", "architecture": "\x1b[31mamd64", "variant": "\x07", "config": {"Env": ["CUDA_VERSION=\x1b]0;title\x07", "NVIDIA_REQUIRE_CUDA=cuda>=\x1b[2J", "=", "x", "\xff\n"]}}, "config.v1+json"),
          annotations={"org.opencontainers.image.ref.name": "\x1b]8;;http://127.0.0.1:9\x1b\\app\x9b\u202e\n\r", "io.containerd.image.name": "\x1b[2Japp"})]))
image("config-environment", "an environment of a million bytes", compressed=True,
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob({"os": "linux", "architecture": "amd64", "config": {"Env": [f"V{n}=" + "x" * 20 for n in range(40_000)]}}, "config.v1+json"))]))
image("manifest-digest", "a manifest that is not what its digest says", "mismatch: digest of a manifest",
      build=lambda l: l.index([l.manifest([l.layer(one)], digest="sha256:" + "3" * 64)]), found=[])
image("manifest-missing", "a manifest that is not there beside one that is", "notFound: file blobs/sha256/",
      build=lambda l: l.index([l.manifest([l.layer(two)], missing=True), l.manifest([l.layer(one)])]))
image("manifest-large", "a manifest of 17 MB", "limitExceeded: file sha256:", compressed=True,
      build=lambda l: l.index([l.manifest([l.layer(one)], changes={"annotations": {"x": "x" * (17 << 20)}})]), found=[])
image("manifests-large", "ten manifests of 8 MB with configurations of 8 MB", *["limitExceeded: documents of the image"] * 7, compressed=True,
      build=lambda l: l.index([l.manifest([l.layer(one)], l.blob(l.configuration([one], comment=str(n) + "x" * (8 << 20)), "config.v1+json"),
                                          changes={"annotations": {"x": "x" * (8 << 20)}}) for n in range(10)]), found=["good.so"] * 3)
image("manifest-nested", "a manifest of 100,000 brackets", "invalidValue: file sha256:", compressed=True,
      build=lambda l: l.index([l.blob(b'{"layers":' + b"[" * 100_000 + b"]" * 100_000 + b',"config":{}}', "manifest.v1+json")]), found=[])
image("manifest-sizes", "sizes that are negative, broken or past 2^64", *["invalidValue: file sha256:"] * 4,
      build=lambda l: l.index([l.manifest([l.layer(one, size=size)]) for size in [-1, 1.5, 10**30, "7"]] + [l.manifest([l.layer(one)])]))
image("manifest-layers", "a manifest of 20,000 layers", "limitExceeded: layers of an image", compressed=True, build=simple(lambda l: [l.layer(one)] * 20_000), found=[])
image("manifest-none", "a manifest without layers", found=[], build=simple(lambda l: []))
image("index-10000", "an index of 10,000 manifests", "limitExceeded: image index", compressed=True, build=lambda l: l.index([l.manifest([l.layer(one)])] * 10_000))


def chain(length, last):
    def build(layout):
        inner = layout.manifest([layout.layer(one)])
        for _ in range(length):
            inner = layout.blob({"schemaVersion": 2, "manifests": [inner] * last}, "index.v1+json")
        layout.index([inner])
    return build


image("index-deep", "an index in an index, 50 times", "limitExceeded: image index", build=chain(50, 1), found=[])
image("index-wide", "an index that names the next one 30 times, 3 times over", "limitExceeded: image index", build=chain(3, 30))


def itself(layout):
    digits = "4" * 64
    inner = json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": OCI + "index.v1+json", "digest": "sha256:" + digits, "size": 0}]})
    size = len(inner) + 2
    inner = inner.replace('"size": 0', f'"size": {size}')
    layout.files["blobs/sha256/" + digits] = inner.encode()
    layout.index([{"mediaType": OCI + "index.v1+json", "digest": "sha256:" + digits, "size": len(inner)}, layout.manifest([layout.layer(one)])])


image("index-itself", "an index that names itself", "mismatch: digest of a manifest", build=itself)
image("index-platforms", "platforms that are none", "invalidValue: file index.json",
      build=lambda l: l.index([l.manifest([l.layer(one)], platform={"os": ["linux"], "architecture": None})]), found=[])
image("index-empty", "an index of nothing", "notFound: image", build=lambda l: l.index([]), found=[])
image("index-both", "a manifest that is an index as well",
      build=lambda l: l.index([l.blob({"manifests": [], "layers": [l.layer(two)], "config": {}}, "manifest.v1+json"), l.manifest([l.layer(one)])]))


def docker(case_name, note, *problems, found=("good.so",), **fields):
    case(f"docker-{case_name}.tar", docker_archive(fields.pop("layers", [one]), **fields), note, *problems, found=found)


docker("good", "as it should be", layers=[one, two], found=BOTH)
docker("layer-digest", "a layer that is not what the configuration says", "mismatch: layer digest",
       configuration={"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"diff_ids": ["sha256:" + sha256(one), "sha256:" + "5" * 64]}}, layers=[one, two])
docker("layer-count", "more layers than the configuration has", "mismatch: layers of an image", manifest={"Layers": ["layer0.tar"] * 3}, found=[])
docker("layer-outside", "layers at paths outside", "notFound: file", found=[], layers=[one, two, two],
       manifest={"Layers": ["layer0.tar", "../../bait.tar", HERE + "bait.tar"]})
docker("config-outside", "a configuration at a path outside", "notFound: file", found=[], manifest={"Config": HERE + "bait.json"})
docker("config-digest", "a configuration that is not what its name says", "mismatch: digest of an image configuration", found=[], name="6" * 64 + ".json")
docker("tags", "tags that are escape sequences", tags=["\x1b[31mred\x1b]0;title\x07:1\n", "\u202e", "", "x" * 100_000])
docker("manifest-empty", "a manifest of nothing", "unsupported: tar", found=[], **{"manifest.json": b"[]"})
docker("manifest-text", "a manifest that is no JSON, so that the tar is like any other", "unsupported: tar", found=[], **{"manifest.json": b"\0\1\2"})
docker("manifest-kinds", "a manifest whose parts have other types, so that the tar is like any other", "unsupported: tar", found=[], **{"manifest.json": b'[{"Config": 1, "Layers": {}}]'})
docker("manifest-itself", "an image whose configuration and layer is the manifest", "invalidValue: file manifest.json", found=[], manifest={"Config": "manifest.json", "Layers": ["manifest.json"]})
linked = archive_of({"manifest.json": json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": ["a/layer.tar", "b/layer.tar"]}]).encode(),
                     "config.json": json.dumps({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"diff_ids": ["sha256:" + sha256(one)] * 2}}).encode(), "a/layer.tar": one})
case("docker-links.tar", linked[:-1024] + tar(entry("b", kind=FOLDER), entry("b/layer.tar", kind=LINK, link="../../../../a/layer.tar")),
     "a layer that is a link out of the archive: it leads to the one in it")
case("docker-link-outside.tar", linked[:-1024] + tar(entry("b", kind=FOLDER), entry("b/layer.tar", kind=LINK, link=HERE + "bait.tar")),
     "a layer that is a link to a file outside", "notFound: file b/layer.tar", found=[])
case("docker-link-loop.tar", linked[:-1024] + tar(entry("b", kind=LINK, link="b")), "a layer behind a link to itself", "limitExceeded: symbolic links", found=[])

# ---- Conda packages

ABOUT = member("metadata.json", b'{"conda_pkg_format_version": 2}', STORED)
info = tar(entry("info/index.json", json.dumps({"name": "good", "version": "1.0", "build": "0"}).encode()))


def conda(name, note, *problems, found=("good.so",), members=None, package=None, **fields):
    members = members if members is not None else [ABOUT, member("info-good-1.0-0.tar.zst", zstd(info), STORED),
               member("pkg-good-1.0-0.tar.zst", zstd(one) if package is None else package, STORED)]
    case(f"{name}.conda", zip_archive(members, **fields), note, *problems, found=found)


conda("conda-good", "as it should be")
conda("conda-cut", "a package whose tar is cut", "truncated: zstd stream", package=zstd(plain)[:-40], found=[])
conda("conda-no-tar", "a package whose tar is none", "corruptData: tar", package=zstd(GOOD), found=[])
conda("conda-plain", "a package whose tar is not compressed", package=one)
conda("conda-none", "a package without tars", members=[ABOUT], found=[])
conda("conda-outside", "tars in folders outside, and names outside", "outOfBounds: zip member path", "outOfBounds: layer member", members=[
    ABOUT, member("../pkg-good-1.0-0.tar.zst", zstd(one), STORED), member("pkg-x.tar.zst", zstd(tar(entry("../escape.fatbin", OTHER))), STORED)], found=["good.so"])
conda("conda-encrypted", "an encrypted package", "unsupported: zip member pkg-good-1.0-0.tar.zst", members=[
    ABOUT, member("info-good-1.0-0.tar.zst", zstd(info), STORED), member("pkg-good-1.0-0.tar.zst", zstd(one), STORED, flags=1)], found=[])
conda("conda-deflated", "tars that are deflated as well", members=[ABOUT, member("pkg-good-1.0-0.tar.zst", zstd(one))])
conda("conda-index", "a description that is no JSON", "invalidValue: conda record", members=[ABOUT, member("info-good-1.0-0.tar.zst", zstd(tar(entry("info/index.json", b"\x1b[31m" * 1000))), STORED), member("pkg-good-1.0-0.tar.zst", zstd(one), STORED)])

with open("scans.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(row) for row in expected) + "\n]\n")
END
