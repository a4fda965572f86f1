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

# An image of four layers as an OCI layout folder, by hand; skopeo makes the two kinds of archive from it, and umoci
# says which files are left. Needs the Debian packages skopeo and umoci.
rm -rf layout
LC_ALL=C.UTF-8 python3 - <<'END'
import gzip, hashlib, io, json, os, tarfile


def tar(entries, format=tarfile.PAX_FORMAT):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as archive:
        for name, kind, value in entries:
            entry = tarfile.TarInfo(name)
            entry.mtime = 1700000000
            entry.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
            entry.type = kind
            if kind == tarfile.REGTYPE:
                data = value.encode()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            else:
                entry.linkname = value or ""
                archive.addfile(entry)
    return target.getvalue()


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def blob(folder, data, kind, **more):
    digits = hashlib.sha256(data).hexdigest()
    write(f"{folder}/blobs/sha256/{digits}", data)
    return {"mediaType": kind, "digest": "sha256:" + digits, "size": len(data), **more}


def document(folder, value, kind, **more):
    return blob(folder, json.dumps(value, indent=1).encode(), kind, **more)


OCI = "application/vnd.oci.image."


def image(folder, layers, architecture="amd64", os="linux", **more):
    """A manifest of `layers`, which are tars with the way in which they are stored."""
    descriptors = []
    for data, how in layers:
        stored = gzip.compress(data, mtime=0) if how == "gzip" else data
        descriptors.append(blob(folder, stored, OCI + "layer.v1.tar" + ("+gzip" if how == "gzip" else "")))
    config = {
        "architecture": architecture, "os": os, "config": {"Env": ["CUDA_VERSION=12.4.1"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data, _ in layers]},
        "history": [{"created_by": f"layer {n}"} for n in range(len(layers))],
    }
    manifest = {
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": document(folder, config, OCI + "config.v1+json"), "layers": descriptors,
    }
    return document(folder, manifest, OCI + "manifest.v1+json", **more)


def layout(folder, manifests):
    write(f"{folder}/oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    write(f"{folder}/index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}, indent=1).encode())


F, D, L, H = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
deep = "/".join("directory-%02d" % n for n in range(30))
lowest = [
    ("usr", D, None), ("usr/lib", D, None), ("usr/lib/first.so", F, "first, lowest"), ("usr/lib/second.so", F, "second"),
    ("usr/lib/link.so", L, "second.so"), ("usr/lib/same.so", H, "usr/lib/first.so"), ("lib", L, "/usr/lib"),
    ("opt", D, None), ("opt/old", D, None), ("opt/old/a", F, "a"), ("opt/old/b", F, "b"), ("opt/gone", D, None),
    ("opt/gone/deep", D, None), ("opt/gone/deep/file", F, "x"), ("loop1", L, "loop2"), ("loop2", L, "loop1"),
    ("out", L, "../../../../usr/lib/first.so"), ("srv", D, None), ("srv/pipe", tarfile.FIFOTYPE, None),
    ("srv/na\u00efve", F, "not ASCII"), (deep, D, None), (deep + "/" + "n" * 200, F, "long name"), ("folder", D, None),
    ("folder/inside", F, "inside"), ("file", F, "file"), ("kept", D, None), ("kept/below", F, "from below"),
]
second = [
    ("usr/lib/.wh.second.so", F, ""), ("opt/.wh.gone", F, ""), ("opt/old/new", F, "new"), ("opt/old/.wh..wh..opq", F, ""),
    ("usr/lib/first.so", F, "first, replaced"), ("kept", D, None), ("kept/above", F, "from above"),
]
# A folder takes the place of a file and the other way round; what is hidden comes again.
third = [("folder", F, "now a file"), ("file", D, None), ("file/inside", F, "now inside"), ("opt/gone", D, None),
         ("opt/gone/again", F, "again"), ("usr/lib/.wh.nothing", F, "")]
# Through a link of the image; the lowest layer's link leads there.
fourth = [("./usr/lib/late.so", F, "late"), ("absolute", L, "/usr/../usr/lib/late.so")]
layers = [(tar(lowest), "none"), (tar(second), "gzip"), (tar(third, tarfile.GNU_FORMAT), "gzip"), (tar(fourth), "gzip")]
layout("layout", [image("layout", layers, annotations={"org.opencontainers.image.ref.name": "latest"})])

# An index for several platforms, in an index, with an attestation.
several = []
for architecture, os_ in [("amd64", "linux"), ("arm64", "linux"), ("amd64", "windows")]:
    several.append(
        image("platforms", [(tar([("name", F, architecture)]), "gzip")], architecture, os_,
              platform={"architecture": architecture, "os": os_}))
several.append(
    document("platforms", {"schemaVersion": 2, "config": {}, "layers": []}, OCI + "manifest.v1+json",
             platform={"architecture": "unknown", "os": "unknown"}))
inner = document("platforms", {"schemaVersion": 2, "manifests": several}, OCI + "index.v1+json",
                 annotations={"io.containerd.image.name": "example.org/app:1.0"})
layout("platforms", [inner])

# Layers that reach outside, in one way each.
hostile = [
    ("../../outside", F, "x"), ("/absolute/file", F, "stays inside"), ("elsewhere", D, None),
    ("etc", L, "/../../../elsewhere"), ("etc/made", F, "in the image"),
    ("links", D, None), ("links/hard", H, "../../etc/passwd"), ("links/missing", H, "nothing"),
    ("a", L, "b"), ("b", L, "a"), ("a/through", F, "loop"), ("plain", F, "x"), ("plain/below", F, "x"), (".wh.", F, ""), ("x/.wh...", F, ""),
    ("good", F, "good"), ("n" * 200, L, "/".join(["m" * 200] * 15)), ("/".join(["m" * 200] * 15), D, None),
    ("n" * 200 + "/" + "/".join(["k" * 200] * 8), F, "deeper than a path"),
]
write("hostile.tar", tar(hostile))
# Names that are not UTF-8, in a header, past its 100 bytes, and in the two kinds of extended header.
pieces = []
for format, name in [(tarfile.USTAR_FORMAT, "h\u00e9"), (tarfile.GNU_FORMAT, "g\u00e9" + "l" * 120)]:
    entry = tarfile.TarInfo(name)
    pieces.append(entry.tobuf(format, encoding="latin-1"))
for charset in ["UTF-8", "BINARY"]:
    name = ("p\u00e9" + "l" * 120).encode("utf-8" if charset == "UTF-8" else "latin-1")
    records = b""
    for key, value in [(b"hdrcharset", b"BINARY"), (b"path", name)]:
        if key == b"hdrcharset" and charset == "UTF-8":
            continue
        record = b" " + key + b"=" + value + b"\n"
        length = len(record) + len(str(len(record) + len(str(len(record)))))
        records += str(length).encode() + record
    header = tarfile.TarInfo("PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(records)
    pieces.append(header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512))
    pieces.append(tarfile.TarInfo("short").tobuf(tarfile.USTAR_FORMAT))
write("names.tar", b"".join(pieces) + bytes(1024))
write("deep.tar", tar([("d/" * 10000 + "f", F, "x"), ("shallow", F, "x")]))
whole = tar([("one", F, "1" * 700), ("two", F, "2" * 700)])
write("cut.tar", whole[:1700])
write("cut-data.tar", whole[:2200])
END
umoci=$(mktemp -d)
trap 'rm -rf "$umoci"' EXIT
umoci unpack --rootless --image layout:latest "$umoci/bundle" >/dev/null
(cd "$umoci/bundle/rootfs" && LC_ALL=C find . -mindepth 1 \( -type f -printf '%P\tfile\t' -exec cat {} \; -printf '\n' \) \
  -o \( -type l -printf '%P\tlink\t%l\n' \) -o \( -type p -printf '%P\tother\n' \)) | LC_ALL=C sort >image-tree.txt
rm -f docker.tar oci.tar
skopeo --insecure-policy copy --quiet oci:layout:latest docker-archive:docker.tar:example/app:1.0
gzip -n -9 -c docker.tar >docker.tar.gz
# GNU tar packs the layout because skopeo would write the time of day.
skopeo --insecure-policy copy --quiet oci:layout:latest "oci:$umoci/copy:latest"
plain=(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner)
"${plain[@]}" -C "$umoci/copy" -cf oci.tar .
# A file with a hole, and one behind it.
mkdir "$umoci/sparse"
printf start >"$umoci/sparse/holes"
truncate -s 1M "$umoci/sparse/holes"
printf end >>"$umoci/sparse/holes"
printf whole >"$umoci/sparse/whole"
"${plain[@]}" --format=gnu --sparse -C "$umoci/sparse" -cf sparse.tar holes whole

# The two forms of a conda package.
mkdir -p "$umoci/conda/info" "$umoci/conda/lib"
printf '{"name": "sample", "version": "1.0", "build": "0"}' >"$umoci/conda/info/index.json"
printf library >"$umoci/conda/lib/library.so"
(
  cd "$umoci/conda"
  "${plain[@]}" -cf - info lib | bzip2 >../sample.tar.bz2
  "${plain[@]}" -cf - info | zstd -q -19 >info-sample-1.0-0.tar.zst
  "${plain[@]}" -cf - lib | zstd -q -19 >pkg-sample-1.0-0.tar.zst
  printf '{"conda_pkg_format_version": 2}' >metadata.json
  touch -d 2024-01-01T00:00:00Z metadata.json ./*.tar.zst
  TZ=UTC zip -q -0 -X ../sample.conda metadata.json info-sample-1.0-0.tar.zst pkg-sample-1.0-0.tar.zst
)
cp "$umoci/sample.conda" "$umoci/sample.tar.bz2" .
