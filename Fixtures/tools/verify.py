"""Decodes the fixtures of one group on its own, and checks the result three ways before it is written down.

The declaration (how the file was made), this decoder and cuobjdump must agree on every image; a difference ends the build.
Writes expected.json and, where cuobjdump reads the file, its own words to cuobjdump.json.
"""
import json
import os
import re
import struct
import subprocess
import sys
import zlib

FATBIN = struct.pack("<I", 0xBA55ED50)
WRAPPER = 0x466243B1
KINDS = {1: "ptx", 2: "cubin", 4: "old-cubin", 8: "ltoir", 0x10: "cubin-variant", 0x20: "index", 0x40: "relocatable-ptx", 0x80: "tileir"}
PREFIX = {"ptx": "compute_", "relocatable-ptx": "compute_", "ltoir": "lto_"}
CODECS = ((0x1000, "zlib"), (0x2000, "lz4"), (0x8000, "zstd"))
PTX = re.compile(rb"\.version\s+(\d+\.\d+)\s+\.target\s+sm_(\w+)")


def entry_target(kind, sm, flags):
    suffix = "a" if flags & 0x100000 else "f" if flags & 0x200000 else ""
    return PREFIX.get(kind, "sm_") + str(sm) + suffix


def string(data, at):
    return data[at : data.index(b"\0", at)].decode()


def fixed_part(data, at):
    names = "kind version header padded stored options minor major sm identAt identLength flags key size".split()
    return dict(zip(names, struct.unpack_from("<HHIQIIHHIIIQQQ", data, at)))


def describe(entry, at, data):
    """One image of an entry's fixed part (or of a member's descriptor) at `at`."""
    kind = KINDS.get(entry["kind"], "kind-0x%02x" % entry["kind"])
    codec = next((name for bit, name in CODECS if entry["flags"] & bit), "none")
    image = {"kind": kind, "target": entry_target(kind, entry["sm"], entry["flags"]), "compression": codec}
    image |= {"entryOffset": at, "flags": hex(entry["flags"])}
    if kind.endswith("ptx"):
        image["ptxISA"] = "%d.%d" % (entry["major"], entry["minor"])
    if entry["identAt"]:
        start = at + entry["identAt"]
        image["identifier"] = data[start : start + entry["identLength"]].decode()
    if entry["options"] and entry["kind"] in (1, 8):
        start, length = struct.unpack_from("<II", data, at + entry["options"])
        text = data[at + start : at + start + length].decode()
        if text.strip():
            image["options"] = text
    return image


def members(data, at, entry):
    """The members of a concatenated entry; each descriptor is as long as its own tables."""
    count, length = struct.unpack_from("<II", data, at + entry["options"])
    cursor = at + entry["options"] + 8
    end = at + entry["options"] + length
    codec = next((name for bit, name in CODECS if entry["flags"] & bit), "none")
    for _ in range(count):
        member = fixed_part(data, cursor)
        image = describe(member, cursor, data)
        image |= {"compression": codec, "size": member["padded"], "offsetInStream": member["header"], "member": True}
        yield image
        tail = 64
        if member["identAt"]:
            tail = member["identAt"] + member["identLength"] + 1
        if member["options"]:
            start, size = struct.unpack_from("<II", data, cursor + member["options"])
            tail = max(tail, start + size + 1)
        cursor += (tail + 7) // 8 * 8
    assert cursor == end, f"descriptors end at {cursor:#x}, not at {end:#x}"


def fatbin_images(data, at):
    version, header, size = struct.unpack_from("<HHQ", data, at + 4)
    assert (version, header) == (1, 16)
    cursor, end = at + header, at + header + size
    while cursor < end:
        entry = fixed_part(data, cursor)
        payload = cursor + entry["header"]
        if entry["kind"] == 0x100:
            yield from members(data, cursor, entry)
        else:
            image = describe(entry, cursor, data)
            image["payloadOffset"] = payload
            image["storedSize"] = entry["stored"] or entry["padded"]
            image["size"] = entry["size"] or entry["padded"]
            if image["kind"] == "cubin" and image["compression"] == "none":
                image |= cubin_facts(data, payload, image["target"])
            yield image
        cursor = payload + entry["padded"]
    assert cursor == end


class ELF:
    def __init__(self, data):
        self.data = data
        assert data[4:6] == b"\2\1"
        self.type, self.machine, self.version = struct.unpack_from("<HHI", data, 16)
        self.phoff, self.shoff, self.flags = struct.unpack_from("<QQI", data, 32)
        self.phnum = struct.unpack_from("<H", data, 56)[0]
        shentsize, count, names = struct.unpack_from("<HHH", data, 58)
        self.sections = []
        if self.shoff:
            fields = "name type flags address offset size link info align entsize".split()
            for index in range(count):
                self.sections.append(dict(zip(fields, struct.unpack_from("<IIQQQQIIQQ", data, self.shoff + 64 * index))))
            table = self.sections[names]["offset"]
            for section in self.sections:
                section["name"] = string(data, table + section["name"])

    def segments(self):
        for index in range(self.phnum):
            at = self.phoff + 56 * index
            kind, flags, offset, address, _, size = struct.unpack_from("<IIQQQQ", self.data, at)
            if kind == 1:
                yield {"flags": flags, "offset": offset, "address": address, "size": size}

    def size(self):
        ends = [self.shoff + 64 * len(self.sections), self.phoff + 56 * self.phnum]
        ends += [s["offset"] + s["size"] for s in self.sections if s["type"] != 8]
        return max(ends)


def cubin_facts(data, at, target=None):
    """Target and toolkit from a cubin's own header; the suffix f leaves no mark there, so the caller's is kept."""
    elf = ELF(data[at:])
    assert elf.machine == 190
    abi = data[at + 8]
    facts = {"abi": abi}
    if abi == 8:
        sm, suffix = elf.flags >> 8 & 0xFF, "a" if elf.flags & 8 else ""
        for section in elf.sections:
            body = elf.data[section["offset"] : section["offset"] + section["size"]]
            if section["name"] == ".note.nv.tkinfo":
                facts["toolkit"] = re.search(rb"release (\d+\.\d+)", body)[1].decode()
                suffix = suffix or re.search(rb"-arch \w+?_\d+(\w?)", body)[1].decode()
    else:
        sm, suffix = elf.flags & 0xFF, "a" if elf.flags & 0x800 else ""
        facts["toolkit"] = "%d.%d" % divmod(elf.version, 10)
    if target:
        assert target.rstrip("af") == f"sm_{sm}" and (not suffix or target.endswith(suffix)), (target, sm, suffix)
    else:
        facts["target"] = f"sm_{sm}{suffix}"
    if elf.type == 1:
        facts["relocatable"] = True
    return facts


def search(data, start, end):
    """Modules in data[start:end]: fat binaries on 8-byte steps, cubins and PTX text anywhere."""
    found, covered = [], []

    def free(at):
        return not any(a <= at < b for a, b in covered)

    at = data.find(FATBIN, start, end)
    while at >= 0:
        if (at - start) % 8 == 0 and free(at) and data[at + 4 : at + 8] == b"\1\0\x10\0":
            size = struct.unpack_from("<Q", data, at + 8)[0] + 16
            covered.append((at, at + size))
            found.append((at, list(fatbin_images(data, at))))
        at = data.find(FATBIN, at + 4, end)
    at = data.find(b"\x7fELF\2\1\1", start, end)
    while at >= 0:
        if free(at) and struct.unpack_from("<H", data, at + 18)[0] == 190:
            size = ELF(data[at:]).size()
            covered.append((at, at + size))
            image = {"kind": "cubin", "compression": "none", "payloadOffset": at, "size": size, "storedSize": size}
            found.append((at, [image | cubin_facts(data, at)]))
        at = data.find(b"\x7fELF\2\1\1", at + 4, end)
    for match in PTX.finditer(data, start, end):
        if free(match.start()):
            begin = max(data.rfind(b"\0", start, match.start()) + 1, start)
            stop = data.find(b"\0", match.start(), end)
            stop = end if stop < 0 else stop
            image = {"kind": "ptx", "target": "compute_" + match[2].decode(), "compression": "none"}
            image |= {"ptxISA": match[1].decode(), "payloadOffset": begin, "size": stop - begin, "storedSize": stop - begin}
            found.append((begin, [image]))
    return sorted(found, key=lambda pair: pair[0])


def elf_modules(data):
    elf = ELF(data)
    modules = []
    if elf.machine == 190:
        size = len(data)
        image = {"kind": "cubin", "compression": "none", "payloadOffset": 0, "size": size, "storedSize": size}
        return [(None, 0, [image | cubin_facts(data, 0)])], []
    for section in sorted(elf.sections, key=lambda s: s["offset"]):
        if section["type"] != 1 or section["flags"] & 4:
            continue
        start, end, body = section["offset"], section["offset"] + section["size"], data
        if section["flags"] & 0x800:
            codec, _, size, _ = struct.unpack_from("<IIQQ", data, start)
            assert codec == 1
            body = zlib.decompress(data[start + 24 : end])
            assert len(body) == size
            start, end = 0, size
        for at, images in search(body, start, end):
            modules.append((section["name"], at, images))
    if not elf.sections:
        for segment in elf.segments():
            # Executable ones as well: many linkers put data and code into one segment.
            for at, images in search(data, segment["offset"], segment["offset"] + segment["size"]):
                modules.append((None, at, images))
    return modules, wrappers(elf, modules)


def relocated(elf):
    """Addresses (or, in an object file, section offsets) that relocations fill, with what they put there."""
    values = {}
    for section in elf.sections:
        if section["type"] == 4:
            for at in range(section["offset"], section["offset"] + section["size"], 24):
                where, info, addend = struct.unpack_from("<QQq", elf.data, at)
                if info & 0xFFFFFFFF in (8, 1027) and elf.type != 1:
                    values[where] = addend
        elif section["type"] == 19:
            base = 0
            for at in range(section["offset"], section["offset"] + section["size"], 8):
                word = struct.unpack_from("<Q", elf.data, at)[0]
                if word & 1 == 0:
                    places, base = [word], word + 8
                else:
                    places = [base + 8 * bit for bit in range(63) if word >> bit + 1 & 1]
                    base += 63 * 8
                for place in places:
                    values[place] = None  # the value is in place
    return values


def wrappers(elf, modules):
    if elf.type == 1:
        return []
    result, fills = [], relocated(elf)

    def offset_of(address):
        for s in elf.sections:
            if s["flags"] & 2 and s["type"] != 8 and s["address"] <= address < s["address"] + s["size"]:
                return s["name"], s["offset"] + address - s["address"]
            if s["flags"] & 2 and s["type"] == 8 and s["address"] <= address < s["address"] + s["size"]:
                return s["name"], None
        return None, None

    for section in elf.sections:
        if section["name"] != ".nvFatBinSegment":
            continue
        for step in range(0, section["size"], 24):
            at, address = section["offset"] + step, section["address"] + step
            magic, version, pointer, second = struct.unpack_from("<IIQQ", elf.data, at)
            assert magic == WRAPPER
            wrapper = {"version": version, "offset": at}
            wrapper["inPlace"] = pointer != 0
            if fills.get(address + 8) is not None:
                pointer = fills[address + 8]
            if fills.get(address + 16) is not None:
                second = fills[address + 16]
            _, offset = offset_of(pointer)
            wrapper["module"] = next(i for i, (_, start, _) in enumerate(modules) if start == offset)
            if version == 2:
                wrapper["arraySection"] = offset_of(second)[0]
            result.append(wrapper)
    return result


def archive_modules(data):
    modules, cursor, names = [], 8, b""
    while cursor < len(data):
        name, size = data[cursor : cursor + 16].rstrip(), int(data[cursor + 48 : cursor + 58])
        body = data[cursor + 60 : cursor + 60 + size]
        if name == b"//":
            names = body
        elif name != b"/" and body[:4] == b"\x7fELF":
            if name[:1] == b"/":
                start = int(name[1:])
                name = names[start : names.index(b"/", start)]
            for section, at, images in elf_modules(body)[0]:
                for image in images:
                    image["archiveMember"] = name.rstrip(b"/").decode()
                    for key in ("entryOffset", "payloadOffset"):
                        if key in image:
                            image[key] += cursor + 60
                modules.append((section, at, images))
        cursor += 60 + size + size % 2
    return modules, []


def decode(data):
    if data[:4] == b"\x7fELF" and data[4:6] == b"\2\1":
        return elf_modules(data)
    if data[:8] == b"!<arch>\n":
        return archive_modules(data)
    if data[:4] == b"\xedCN\x7f":
        sm = struct.unpack_from("<H", data, 26)[0] // 10
        image = {"kind": "ltoir", "target": f"lto_{sm}", "compression": "none", "payloadOffset": 0}
        return [(None, 0, [image | {"size": len(data), "storedSize": len(data)}])], []
    if data[:4] == b"\x7fELF":
        return [], []
    return [(None, at, images) for at, images in search(data, 0, len(data))], []


def cuobjdump(path, *options):
    done = subprocess.run(["cuobjdump", *options, os.path.basename(path)], capture_output=True, text=True, errors="replace",
                          cwd=os.path.dirname(path))
    text = done.stdout + done.stderr
    return {"status": done.returncode, "output": [line.replace(os.path.dirname(path) + "/", "") for line in text.splitlines()]}


def oracle_images(lines):
    """(kind, target, compressed) of every image in a plain listing."""
    found = []
    for line in lines:
        text = line.strip()
        if match := re.match(r"Fatbin (.+) code:", text):
            found.append([{"elf": "cubin", "ptx": "ptx", "nvvm": "ltoir"}.get(match[1], match[1]), None, "none"])
        elif text.startswith("arch = ") and found:
            found[-1][1] = PREFIX.get(found[-1][0], "sm_") + text[7:].removeprefix("sm_")
        elif text == "compressed" and found:
            found[-1][2] = "compressed"
    return found


def main():
    work, here = sys.argv[1:]
    expected, listings = [], []
    for line in open(os.path.join(work, "declared.jsonl")):
        record = json.loads(line)
        path = os.path.join(here, record["file"])
        data = open(path, "rb").read()
        declared = record.pop("images")
        versions = record.pop("wrapperVersions", None)
        ask, decoded = record.pop("oracle", True), record.pop("decoded", True)
        if decoded:
            modules, wraps = decode(data)
            images = []
            for index, (section, _, found) in enumerate(modules):
                for image in found:
                    images.append({"module": index} | ({"section": section} if section else {}) | image)
            shape = [{key: image.get(key) for key in given} for image, given in zip(images, declared)]
            if shape != declared or len(images) != len(declared):
                sys.exit(f"{record['file']}: declared\n{json.dumps(declared)}\ndecoded\n{json.dumps(images)}")
            if [w["version"] for w in wraps] != (versions or []):
                sys.exit(f"{record['file']}: wrappers {wraps}, declared {versions}")
            if wraps:
                record["wrappers"] = wraps
        else:
            images = declared
        record["modules"] = len({image["module"] for image in images})
        record["images"] = images
        record["size"] = len(data)
        if ask:
            listing = {"file": record["file"], "listElfListPtx": cuobjdump(path, "-all", "-lelf", "-lptx"), "plain": cuobjdump(path, "-all")}
            listings.append(listing)
            mine = [image for image in images if image.get("section", "-") in ("-", ".nv_fatbin", "__nv_relfatbin")]
            if not any("archiveMember" in image for image in mine):
                mine.sort(key=lambda image: image.get("section") == "__nv_relfatbin")  # as cuobjdump -all lists them
            theirs = [image for image in oracle_images(listing["plain"]["output"]) if image[0] != "concatenated entry"]
            if decoded and listing["plain"]["status"] == 0 and theirs:
                plain = [[i["kind"], i["target"], "compressed" if i["compression"] != "none" and not i.get("member") else "none"] for i in mine]
                if plain != theirs:
                    sys.exit(f"{record['file']}: cuobjdump lists\n{theirs}\ndecoded\n{plain}")
        expected.append(record)
    expected.sort(key=lambda record: record["file"])
    listings.sort(key=lambda listing: listing["file"])
    write(os.path.join(here, "expected.json"), expected)
    if listings:
        write(os.path.join(here, "cuobjdump.json"), listings)
    print(f"{group(here)}: {len(expected)} files, {sum(r['size'] for r in expected)} bytes, {sum(len(r['images']) for r in expected)} images")


def group(here):
    return os.path.basename(here)


def write(path, value):
    with open(path, "w") as out:
        json.dump(value, out, indent=1, sort_keys=True)
        out.write("\n")


main()
