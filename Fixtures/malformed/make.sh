#!/usr/bin/env bash
# Files that are wrong in one place each, made from good ones by changing a few bytes.
# The images in expected.json are those that the damage leaves untouched; a reader may list damaged ones as well.
source "$(dirname "$0")/../tools/fixtures.sh"

run nvcc -cubin -arch=sm_90 -o scale.cubin scale.cu
run nvcc -ptx -arch=compute_90 -o scale.ptx scale.cu
options=(--image3=kind=elf,sm=90,file=scale.cubin --image3=kind=ptx,sm=90,file=scale.ptx)
run fatbinary --create=good.fatbin "${options[@]}"
embed scale "${options[@]}"
shared scale scale.o
cat >start.c <<'END'
extern const void *scale_wrapper(void);
void _start(void) { scale_wrapper(); for (;;) {} }
END
gcc "${hostflags[@]}" -c start.c -o start.o
gcc -no-pie "${linkflags[@]}" -s -o executable start.o scale.o
embed second "${options[@]}"
gcc -shared "${linkflags[@]}" -s -o pair.so scale.o second.o
ar rcD good.a scale.o second.o
ptx sm_75 9.5 >first.ptx
ptx sm_80 9.5 >second.ptx
fatbinary --concat --create=concatenated.fatbin --image3=kind=ptx,sm=75,file=first.ptx --image3=kind=ptx,sm=80,file=second.ptx
commands=()

# bad BASE NAME CODE NOTE EDIT… [-- IMAGE…]: CODE is the problem expected, or "-" for none.
bad() {
    local base=$1 name=$2 code=$3 note=$4 edits=() problem=()
    shift 4
    while [ $# -gt 0 ] && [ "$1" != -- ]; do edits+=("$1"); shift; done
    if [ $# -gt 0 ]; then shift; fi
    if [ "$code" != - ]; then problem=(--problem "$code"); fi
    run python3 "$fixtures/tools/patch.py" "$base" "$name" "${edits[@]}"
    fixture "$name" --undecoded --note "$note" "${problem[@]}" "$@"
}
# The two entries of good.fatbin: a cubin (not compressed) and PTX (zstd).
first=0x10
second=0xdc8
c=-:0:cubin:sm_90:none
p=-:0:ptx:compute_90:zstd:9.5
total=$(stat -c %s good.fatbin)
# Sizes as the header writes them: eight bytes, little-endian.
u64() { python3 -c "print(($1).to_bytes(8, 'little').hex())"; }
[ "$(xxd -s $second -l 2 -p good.fatbin)" = 0100 ] || { echo "malformed: the second entry has moved" >&2; exit 1; }
at() { printf 'fatbin%d' $(($1 + $2)); }

# Not device code at all, or only the start of it.
: >empty.so
fixture empty.so --undecoded --no-oracle --note "an empty file"
printf 'This is a text file that mentions .nv_fatbin and .version 9.5 only in passing.\n' >text.so
fixture text.so --undecoded --no-oracle --note "a text file with the name of a library"
printf 'GROUP ( libc.so.6 AS_NEEDED ( ld-linux.so.2 ) )\n' >linker-script.so
fixture linker-script.so --undecoded --no-oracle --note "a linker script"
bad good.fatbin only-magic.fatbin truncated "the four magic bytes alone" size:4
bad scale.so only-elf-magic.so truncated "the four bytes of ELF alone" size:4
bad scale.so half-elf-header.so truncated "an ELF header of 40 bytes" size:40

# Cut short.
bad good.fatbin cut-after-header.fatbin truncated "ends after the fat binary's header" size:16
bad good.fatbin cut-in-entry-header.fatbin truncated "ends in the first entry's header" size:0x30
bad good.fatbin cut-in-payload.fatbin truncated "ends in the first entry's payload" size:0x400
bad good.fatbin cut-in-second-header.fatbin truncated "ends in the second entry's header" size:0xde0 -- $c
bad good.fatbin cut-in-last-payload.fatbin truncated "the last 64 bytes are missing" size:$((total - 64)) -- $c
bad scale.so cut-in-half.so truncated "the section table and part of the data are missing" size:4096

# The fat binary's header.
bad good.fatbin fatbin-size-wraps.fatbin outOfBounds "size 2^64-8" $(at 0 8)=f8ffffffffffffff
bad good.fatbin fatbin-size-past-end.fatbin truncated "size 2^40" $(at 0 8)=0000000000010000
bad good.fatbin fatbin-size-odd.fatbin invalidValue "size is not a multiple of 8" $(at 0 8)=$(u64 $((total - 19))) -- $c
bad good.fatbin fatbin-size-zero.fatbin invalidValue "size 0: entries follow that belong to nothing" $(at 0 8)=0000000000000000
bad good.fatbin fatbin-version-2.fatbin unknownValue "version 2" $(at 0 4)=0200
bad good.fatbin fatbin-header-8.fatbin invalidValue "header size 8" $(at 0 6)=0800
bad good.fatbin fatbin-header-32.fatbin invalidValue "header size 32" $(at 0 6)=2000

# An entry's sizes.
bad good.fatbin entry-past-fatbin.fatbin outOfBounds "padded size reaches past the fat binary" $(at $first 8)=0000010000000000
bad good.fatbin entry-size-wraps.fatbin outOfBounds "padded size 2^64-64" $(at $first 8)=c0ffffffffffffff
bad good.fatbin entry-header-32.fatbin invalidValue "header size 32, less than the fixed part" $(at $first 4)=20000000
bad good.fatbin entry-header-past-fatbin.fatbin outOfBounds "header size 2^32-16" $(at $first 4)=f0ffffff
bad good.fatbin entry-size-zero.fatbin invalidValue "header and payload size 0: a reader that adds them never ends" $(at $first 4)=00000000 $(at $first 8)=0000000000000000
bad good.fatbin stored-size-past-payload.fatbin outOfBounds "stored size past the padded size" $(at $second 0x10)=ffffff7f -- $c
bad good.fatbin declared-size-2e63.fatbin limitExceeded "uncompressed size 2^63; the headers alone are fine" $(at $second 0x38)=0000000000000080 -- $c $p
bad good.fatbin declared-size-wrong.fatbin mismatch "uncompressed size 1; the headers alone are fine" $(at $second 0x38)=0100000000000000 -- $c $p
bad good.fatbin options-outside.fatbin outOfBounds "options table outside the header" $(at $second 0x14)=00000100 -- $c $p
bad good.fatbin options-string-outside.fatbin outOfBounds "options string of 2^32-1 bytes" $(at $second 0x44)=ffffffff -- $c $p
bad good.fatbin identifier-outside.fatbin outOfBounds "identifier outside the header" $(at $second 0x20)=00f0ffff $(at $second 0x24)=ff000000 -- $c $p

# An entry's values.
bad good.fatbin kind-0x200.fatbin unknownValue "kind 0x200" $(at $second 0)=0002 -- $c -:0:kind-0x200:sm_90:zstd
bad good.fatbin flags-unknown.fatbin unknownValue "flag 2^40" $(at $second 0x28)=1180000000010000 -- $c $p
bad good.fatbin flags-both-suffixes.fatbin invalidValue "suffix a and suffix f together" $(at $second 0x28)=1180300000000000 -- $c
bad good.fatbin flags-two-codecs.fatbin invalidValue "LZ4 and zstd together" $(at $second 0x28)=11a0000000000000 -- $c
bad good.fatbin sm-999.fatbin - "PTX for SM 999: newer than this program, not wrong" $(at $second 0x1c)=e7030000 -- $c -:0:ptx:compute_999:zstd:9.5
bad good.fatbin sm-mismatch.fatbin mismatch "the entry says SM 80, the cubin SM 90" $(at $first 0x1c)=50000000 -- -:0:cubin:sm_80:none $p
bad good.fatbin payload-corrupt.fatbin corruptData "a damaged zstd stream; the headers alone are fine" $(at $second 0x60)=ffffffffffffffffffffffff -- $c $p
bad good.fatbin bytes-after.fatbin invalidValue "bytes after the fat binary" append:deadbeefdeadbeef -- $c $p
bad good.fatbin misplaced.fatbin - "four bytes before the magic: the fat binary is not where the file starts" prepend:00000000

# A concatenated entry: two PTX members, descriptors of 80 bytes.
bad concatenated.fatbin concatenated-count-2e32.fatbin outOfBounds "2^32-1 members" $(at 0x10 0x40)=ffffffff
bad concatenated.fatbin concatenated-count-0.fatbin mismatch "no members, but descriptors" $(at 0x10 0x40)=00000000
bad concatenated.fatbin concatenated-table-outside.fatbin outOfBounds "descriptor table outside the header" $(at 0x10 0x14)=00100000
bad concatenated.fatbin concatenated-length-2e32.fatbin outOfBounds "descriptors of 2^32-8 bytes" $(at 0x10 0x44)=f8ffffff
bad concatenated.fatbin concatenated-member-past-stream.fatbin outOfBounds "a member past the end of the decompressed stream" $(at 0x10 0x4c)=00ffffff -- -:0:ptx:compute_80:zstd:9.5
bad concatenated.fatbin concatenated-member-size-wraps.fatbin outOfBounds "a member of 2^64-8 bytes" $(at 0x10 0x50)=f8ffffffffffffff -- -:0:ptx:compute_80:zstd:9.5
bad concatenated.fatbin concatenated-nested.fatbin invalidValue "a member that is itself a concatenated entry" $(at 0x10 0x48)=0001 -- -:0:ptx:compute_80:zstd:9.5

# In a host library.
bad scale.so fatbin-past-section.so outOfBounds "the section ends inside the fat binary" section:.nv_fatbin:size=0x100
bad scale.so fatbin-size-wraps.so outOfBounds "size 2^64-8" $(at 0 8)=f8ffffffffffffff
bad pair.so overlapping.so outOfBounds "the first fat binary claims the start of the second" $(at 0 8)=$(u64 $((total + 240))) -- .nv_fatbin:0:cubin:sm_90:none .nv_fatbin:0:ptx:compute_90:zstd:9.5
bad scale.so section-offset-outside.so outOfBounds "a section past the end of the file" section:.nv_fatbin:offset=0x100000
bad scale.so section-offset-wraps.so outOfBounds "section offset plus size wraps" section:.nv_fatbin:offset=0xffffffffffffff00
bad scale.so section-size-2e63.so outOfBounds "section size 2^63" section:.nv_fatbin:size=0x8000000000000000
bad scale.so section-table-outside.so outOfBounds "e_shoff past the end of the file" 40=0000000001000000
bad scale.so section-table-wraps.so outOfBounds "e_shoff 2^64-64" 40=c0ffffffffffffff
bad scale.so section-entry-size-1.so invalidValue "e_shentsize 1" 58=0100
bad scale.so section-count-65535.so outOfBounds "e_shnum 65535" 60=ffff
bad scale.so section-names-outside.so outOfBounds "e_shstrndx 65000" 62=e8fd
bad scale.so segment-table-outside.so outOfBounds "e_phoff past the end of the file" 32=0000000001000000 -- .nv_fatbin:0:cubin:sm_90:none .nv_fatbin:0:ptx:compute_90:zstd:9.5
bad scale.so compressed-flag-alone.so corruptData "SHF_COMPRESSED on a section that is not" section:.nv_fatbin:flags=0x802
good=(.nv_fatbin:0:cubin:sm_90:none .nv_fatbin:0:ptx:compute_90:zstd:9.5)
wrapper=$((0x$(readelf -SW executable | sed -n 's/.*\.nvFatBinSegment *PROGBITS *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')))
bad executable wrapper-magic invalidValue "a wrapper without its magic" $wrapper=00000000 -- "${good[@]}"
bad executable wrapper-version-3 unknownValue "wrapper version 3" $((wrapper + 4))=03000000 -- "${good[@]}"
bad executable wrapper-pointer-outside outOfBounds "the wrapper's pointer is outside the file" $((wrapper + 8))=0000000000100000 -- "${good[@]}"
bad executable wrapper-pointer-astray invalidValue "the wrapper's pointer is 8 bytes past the fat binary's start" \
    $((wrapper + 8))=$(python3 -c "
import struct
data = open('executable', 'rb').read()
print(struct.pack('<Q', struct.unpack_from('<Q', data, $wrapper + 8)[0] + 8).hex())") -- "${good[@]}"
bad executable wrapper-section-size invalidValue "the wrapper section's size is not a multiple of 24" section:.nvFatBinSegment:size=20 -- "${good[@]}"

# Other containers.
bad good.a archive-cut.a truncated "ends in the second member" size:$(($(stat -c %s good.a) - 3000)) -- "${good[@]}"
bad good.a archive-size-text.a invalidValue "a member whose size is not a number" 56=78787878787878787878
bad good.a archive-size-past-end.a truncated "a member of 9999999999 bytes" 56=39393939393939393939
bad scale.cubin cubin-cut.cubin truncated "half a cubin" size:1700
bad scale.cubin cubin-abi-9.cubin unknownValue "EI_ABIVERSION 9" 8=09
commands=()
printf '.version 9.5\n.address_size 64\n.visible .entry nothing() { ret; }\n' >no-target.ptx
fixture no-target.ptx --undecoded --no-oracle --problem invalidValue --note "PTX without .target"
printf '.version x.y\n.target sm_90\n.address_size 64\n' >bad-version.ptx
fixture bad-version.ptx --undecoded --no-oracle --problem invalidValue --note "PTX whose .version is no number"
printf '.version 9.5\n.target sm_9x0\n.address_size 64\n' >bad-target.ptx
fixture bad-target.ptx --undecoded --no-oracle --problem unknownValue --note "PTX for a target that cannot be"
finish
