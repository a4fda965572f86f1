"""Writers of zip archives, tars and images in which every field can be a lie."""
import bz2
import gzip
import hashlib
import json
import lzma
import os
import struct
import subprocess
import zlib


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-19", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def zstd_zeros(size, window_log=20):
    """A frame of zeros whose blocks are runs of one byte (RFC 8878, 3.1.1.2)."""
    block = min(128 << 10, 1 << window_log)
    frame = struct.pack("<IBB", 0xFD2FB528, 0, (window_log - 10) << 3)
    for start in range(0, size, block):
        length = min(block, size - start)
        frame += ((length << 3) | (1 << 1) | (start + length >= size)).to_bytes(3, "little") + b"\0"
    return frame


def xz(data, dictionary=None):
    """dictionary: what the first block's header says of its size instead, as that header codes it (2 << 30 is 38)."""
    packed = bytearray(lzma.compress(data, lzma.FORMAT_XZ, preset=0 if dictionary else 6))
    if dictionary:
        # Behind the stream header of 12 bytes: the size of the block header, flags, filter LZMA2 with one byte, padding, CRC-32.
        end = 12 + 4 * packed[12]
        packed[packed.index(b"\x21\x01", 14, end) + 2] = dictionary
        packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[12:end]))
    return bytes(packed)


STORED, DEFLATE, BZIP2, LZMA, ZSTD, XZ = 0, 8, 12, 14, 93, 95
PACK = {
    STORED: bytes, DEFLATE: deflate, BZIP2: bz2.compress, ZSTD: zstd,
    XZ: xz,
}


def member(name, data=b"", method=DEFLATE, **fields):
    """A member of a zip archive.

    fields: flags, crc, stored_size, size, mode, disk, extra, offset and stored (the bytes as they are in the archive);
    the local header's own: local_name, local_method, local_flags, local_crc, local_stored_size, local_size, local_extra;
    local=False: there is none, and no data.
    """
    name = name.encode() if isinstance(name, str) else name
    stored = fields.get("stored")
    if stored is None:
        stored = PACK.get(method, bytes)(data)
    own = {
        "name": name, "method": method, "stored": stored, "flags": 0, "crc": zlib.crc32(data), "stored_size": len(stored),
        "size": len(data), "mode": 0o100644, "disk": 0, "extra": b"", "offset": None, "local": True, **fields,
    }
    for field in ["name", "method", "flags", "crc", "stored_size", "size"]:
        own.setdefault("local_" + field, own[field])
    own.setdefault("local_extra", b"")
    return own


def zip64_extra(*values):
    return struct.pack("<HH%dQ" % len(values), 1, 8 * len(values), *values)


def zip_archive(members, prefix=b"", comment=b"", suffix=b"", between=b"", zip64=None, **end):
    """A zip archive.

    end: count, size, offset, disk of the end record. zip64: the same of the zip64 record, and place of its locator.
    """
    data = bytearray(prefix)
    offsets = []
    for m in members:
        offsets.append(len(data) - len(prefix) if m["offset"] is None else m["offset"])
        if not m["local"]:
            continue
        data += struct.pack("<IHHHIIIIHH", 0x04034B50, 20, m["local_flags"], m["local_method"], 0x58210000, m["local_crc"],
                            m["local_stored_size"], m["local_size"], len(m["local_name"]), len(m["local_extra"]))
        data += m["local_name"] + m["local_extra"] + m["stored"]
    data += between
    start = len(data)
    for m, offset in zip(members, offsets):
        data += struct.pack("<IHHHHIIIIHHHHHII", 0x02014B50, 0x0314, 20, m["flags"], m["method"], 0x58210000, m["crc"],
                            m["stored_size"], m["size"], len(m["name"]), len(m["extra"]), 0, m["disk"], 0,
                            m["mode"] << 16, offset)
        data += m["name"] + m["extra"]
    size = len(data) - start
    start -= len(prefix)
    if zip64 is not None:
        place = len(data)
        data += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, zip64.get("count", len(members)),
                            zip64.get("count", len(members)), zip64.get("size", size), zip64.get("offset", start))
        data += struct.pack("<IIQI", 0x07064B50, 0, zip64.get("place", place), 1)
    count = end.get("count", min(len(members), 0xFFFF))
    data += struct.pack("<IHHHHIIH", 0x06054B50, end.get("disk", 0), end.get("disk", 0), count, count,
                        end.get("size", size), end.get("offset", start), len(comment))
    return bytes(data) + comment + suffix


FILE, HARD, LINK, CHARACTER, BLOCK, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"


def entry(name, data=b"", kind=FILE, link=b"", size=None, checksum=None, magic=b"ustar\x0000", prefix=b"", device=(1, 3)):
    """A header of a tar and what belongs to it; `size` is a number or the field's bytes."""
    name, link, data = [value.encode() if isinstance(value, str) else value for value in (name, link, data)]
    size = len(data) if size is None else size
    size = size if isinstance(size, bytes) else b"%011o\0" % size
    assert len(name) <= 100 and len(link) <= 100 and len(size) == 12, (name, link, size)
    mode = b"0000755\0" if kind == FOLDER else b"0000644\0"
    header = name.ljust(100, b"\0") + mode + b"0000000\0" * 2 + size + b"14524475000\0" + b" " * 8 + kind
    header += link.ljust(100, b"\0") + magic + bytes(64) + b"%07o\0%07o\0" % device + prefix.ljust(155, b"\0")
    header = header.ljust(512, b"\0")
    total = sum(header) if checksum is None else checksum
    header = header[:148] + b"%06o\0 " % total + header[156:]
    return header + data + bytes(-len(data) % 512)


def pax_record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def pax(records, kind=b"x", **fields):
    """An extended header: a mapping, or the bytes as they are."""
    if not isinstance(records, bytes):
        records = b"".join(pax_record(key, value) for key, value in records.items())
    return entry("PaxHeaders/x", records, kind, **fields)


def long_name(name, kind=b"L", **fields):
    """The header with a long name that GNU tar puts in front."""
    return entry("././@LongLink", name + b"\0", kind, magic=b"ustar  \0", **fields)


def tar(*entries, end=bytes(1024)):
    return b"".join(entries) + end


def sha256(data):
    return hashlib.sha256(data).hexdigest()


OCI = "application/vnd.oci.image."


class Layout:
    """An OCI layout: files by name."""

    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, data, kind, **fields):
        """Stores a blob; returns its descriptor. fields: digest and size where they lie, more keys; missing=True stores nothing."""
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        digits = sha256(data)
        name = fields.pop("digest", "sha256:" + digits)
        if not fields.pop("missing", False):
            self.files["blobs/sha256/" + name.rpartition(":")[2]] = data
        return {"mediaType": OCI + kind, "digest": name, "size": len(data), **fields}

    def layer(self, data, kind="layer.v1.tar", **fields):
        return self.blob(data, kind, **fields)

    def configuration(self, layers, **fields):
        return {"architecture": "amd64", "os": "linux", "config": {},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer) for layer in layers]}, **fields}

    def manifest(self, layers, configuration=None, changes={}, **fields):
        """A manifest of layers, which are descriptors."""
        configuration = configuration or self.blob(self.configuration([]), "config.v1+json")
        value = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": configuration, "layers": layers, **changes}
        return self.blob(value, "manifest.v1+json", **fields)

    def index(self, manifests, **fields):
        """The index at the top; or, with kind, one that is a blob."""
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests, **fields}).encode()
        return self

    def tar(self):
        return archive_of(self.files)


def archive_of(files):
    """A tar of files by name."""
    parts = []
    for name, data in files.items():
        if len(name) > 100:
            parts.append(long_name(name.encode()))
        parts.append(entry(name[:100], data))
    return tar(*parts)


def docker_archive(layers, manifest=None, configuration=None, tags=("example/app:1.0",), name=None, **files):
    """An archive of `docker save`; layers are tars, manifest changes keys of its one entry."""
    value = configuration if configuration is not None else {
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer) for layer in layers]}}
    value = value if isinstance(value, bytes) else json.dumps(value).encode()
    name = name or sha256(value) + ".json"
    contents = {name: value}
    for number, layer in enumerate(layers):
        contents[f"layer{number}.tar"] = layer
    entry_ = {"Config": name, "RepoTags": list(tags), "Layers": [f"layer{n}.tar" for n in range(len(layers))], **(manifest or {})}
    contents["manifest.json"] = json.dumps([entry_]).encode()
    contents.update(files)
    return archive_of(contents)


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
