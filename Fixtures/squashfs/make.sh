#!/usr/bin/env bash
# The root file system of views/, with a prefix of conda, deep folders, links and devices besides, as tree.tar.gz and as
# SquashFS images by both families of tools, with each compression, and one of them in a SIF image.
set -euo pipefail
cd "$(dirname "$0")"
rm -f -- *.sqfs *.gz *.sif
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
tree=$staging/tree
deep=srv/$(printf 'd/%.0s' {1..100})
umask 022
unset SOURCE_DATE_EPOCH
mkdir -p "$tree/opt/conda/conda-meta" "$tree/opt/conda/lib" "$tree/$deep"
tar -xf ../views/root.tar -C "$tree"
cp ../compression/nvcc-speed.so "$tree/opt/conda/lib/libsample.so.1.0"
ln -s libsample.so.1.0 "$tree/opt/conda/lib/libsample.so"
ln "$tree/opt/conda/lib/libsample.so.1.0" "$tree/opt/conda/lib/libother.so"
ln -s ../lib "$tree/opt/conda/loop"
ln -s loop "$tree/opt/conda/lib/loop"
ln -s /opt/conda/lib/libother.so "$tree/usr/lib/libabsolute.so"
cat >"$tree/opt/conda/conda-meta/sample-1.0-0.json" <<'END'
{"name": "sample", "version": "1.0", "build": "0", "build_number": 0, "files": ["lib/libsample.so", "lib/libsample.so.1.0"]}
END
cp ../containers/scale.cubin "$tree/$deep/scale.cubin"
head -c 300000 /dev/zero >"$tree/$deep/zeros.so"
mkfifo "$tree/srv/fifo"
find "$tree" -exec touch -h -d @0 {} +

tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -cf - . | gzip -9n >tree.tar.gz
for method in gzip xz zstd lz4 lzo; do
  mksquashfs "$tree" "mksquashfs-$method.sqfs" -comp "$method" -all-root -all-time 0 -mkfs-time 0 -no-exports -no-xattrs \
    -processors 1 -no-progress -quiet -noappend
done
# Blocks of 4 KiB, no fragments, nothing compressed.
mksquashfs "$tree" mksquashfs-stored.sqfs -b 4096 -no-fragments -noI -noD -all-root -all-time 0 -mkfs-time 0 -exports \
  -no-xattrs -processors 1 -no-progress -quiet -noappend
for method in gzip xz zstd lz4; do
  gensquashfs --pack-dir "$tree" --compressor "$method" --block-size 4096 --defaults uid=0,gid=0,mtime=0 --num-jobs 1 \
    --quiet --force "gensquashfs-$method.sqfs"
done

# A SIF image by the reference implementation, without the time of day and the random identifier.
sif=siftool.sif
echo 'Bootstrap: docker' >"$staging/definition"
siftool new "$sif"
siftool add --datatype 1 --filename definition "$sif" "$staging/definition"
siftool add --datatype 4 --partarch 2 --partfs 1 --parttype 2 "$sif" mksquashfs-zstd.sqfs
python3 - "$sif" <<'END'
import sys

with open(sys.argv[1], "r+b") as file:
    file.seek(48)
    file.write(bytes(16 + 8 + 8))
    for descriptor in range(48):
        file.seek(4096 + 585 * descriptor + 41)
        file.write(bytes(8 + 8))
END
