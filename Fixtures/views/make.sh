#!/usr/bin/env bash
# A small wheel of the other fixtures' libraries, and the forms in which people hold it. The unpacked tree and the root
# file system are in package.whl and root.tar; the rest is as pip, umoci, skopeo and buildah wrote it.
set -euo pipefail
cd "$(dirname "$0")"
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
wheel=$staging/small-1.0-py3-none-manylinux_2_28_x86_64.whl
LC_ALL=C.UTF-8 python3 - "$wheel" <<'END'
import base64, hashlib, sys, zipfile

files = {
    "small/__init__.py": b"__version__ = '1.0'\n",
    "small-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
    "small-1.0.dist-info/WHEEL":
        b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: false\nTag: py3-none-manylinux_2_28_x86_64\n",
}
for name, fixture in {
    "small/_C.abi3.so": "compression/nvcc-speed.so",  # judged as it is
    "small/ops/gap.so": "targets/too-old-sm80.so",  # has gaps, so that names are read
    "small/ops/again.so": "targets/too-old-sm80.so",  # the same bytes
    "small/kernels/scale.cubin": "containers/scale.cubin",
    "small/kernels/scale.ptx": "containers/scale.ptx",
    "small/plain.so": "host/no-device-code.so",
    "small/hip.so": "host/hip.so",
    "small/broken.so": "malformed/fatbin-past-section.so",
    "small.libs/libembedded-1a2b3c4d.so.1": "embedded/everything.so",
}.items():
    with open(f"../{fixture}", "rb") as file:
        files[name] = file.read()
record = "small-1.0.dist-info/RECORD"
lines = []
for name, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines.append(f"{name},sha256={digest},{len(data)}\n")
files[record] = ("".join(lines) + record + ",,\n").encode()
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for name, data in files.items():
        entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
        entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
        archive.writestr(entry, data)
END
views=(root.tar{,.gz,.zst} docker.tar{,.gz,.zst} oci.tar oci-zstd.tar platforms.tar layout package.conda package.tar.bz2)
rm -rf package.whl "${views[@]}"
../../Tests/Scripts/make-views "$wheel" "$staging" "${views[@]}"
mv "${views[@]/#/$staging/}" .
mv "$wheel" package.whl
