#!/usr/bin/env bash
# The same device code in host files of many kinds. Besides gcc this group needs clang and ld.lld (for other machines).
source "$(dirname "$0")/../tools/fixtures.sh"
patch() { run python3 "$fixtures/tools/patch.py" "$@"; }

run nvcc -cubin -arch=sm_90 -o scale.cubin scale.cu
run nvcc -ptx -arch=compute_90 -o scale.ptx scale.cu
options=(--image3=kind=elf,sm=90,file=scale.cubin --image3=kind=ptx,sm=90,file=scale.ptx)
run fatbinary --create=scale.fatbin "${options[@]}"
embed scale "${options[@]}"
shared scale scale.o
made=("${commands[@]}")
images=(.nv_fatbin:0:cubin:sm_90:none .nv_fatbin:0:ptx:compute_90:zstd:9.5)
bare=(-:0:cubin:sm_90:none -:0:ptx:compute_90:zstd:9.5)
# begin: the next fixture starts from these files.
begin() { commands=("${made[@]}"); }

begin
fixture scale.so --link 1 "${images[@]}"

cat >start.c <<'END'
extern const void *scale_wrapper(void);
void _start(void) { scale_wrapper(); for (;;) {} }
END
begin
run gcc "${hostflags[@]}" -c start.c -o start.o
run gcc -no-pie "${linkflags[@]}" -s -o executable start.o scale.o
fixture executable --link 1 --note "ET_EXEC: nothing to relocate" "${images[@]}"
begin
run gcc "${hostflags[@]}" -c start.c -o start.o
run gcc -pie "${linkflags[@]}" -s -o pie start.o scale.o
fixture pie --link 1 --note "ET_DYN with an entry point" "${images[@]}"

begin
run gcc -shared -fuse-ld=lld "${linkflags[@]}" -Wl,--no-apply-dynamic-relocs -s -o rela-only.so scale.o
fixture rela-only.so --link 1 --note "the wrapper's pointer is 0 in place: its value is in .rela.dyn alone" "${images[@]}"
begin
run gcc -shared "${linkflags[@]}" -Wl,-z,pack-relative-relocs -s -o relr.so scale.o
fixture relr.so --link 1 --note "relocations in .relr.dyn, value in place" "${images[@]}"

begin
patch scale.so no-sections.so no-sections
fixture no-sections.so --no-oracle --note "no section headers, and a linker that keeps data and code in one segment: the device code is in an executable one" "${bare[@]}"
begin
run gcc -shared -nostdlib -Wl,--build-id=none -Wl,-z,separate-code -s -o separate.so scale.o
patch separate.so no-sections-separate.so no-sections
fixture no-sections-separate.so --no-oracle --note "no section headers; the device code is in a read-only segment" "${bare[@]}"
begin
patch executable no-sections-executable no-sections
fixture no-sections-executable --no-oracle "${bare[@]}"

# A compressed debug section beside ordinary device code.
printf 'int documented(int value) { struct { int first; double second; char name[64]; } local = {value}; return local.first; }\n' >documented.c
begin
run gcc "${hostflags[@]}" -g -gdwarf-5 -fdebug-prefix-map="$work=." -c documented.c -o documented.o
run gcc -shared "${linkflags[@]}" -Wl,--compress-debug-sections=zlib -o compressed-debug.so scale.o documented.o
fixture compressed-debug.so --link 1 --note "SHF_COMPRESSED .debug_info" "${images[@]}"

# Device code in a compressed section that is not loaded.
begin
run objcopy --add-section .device_code=scale.fatbin --set-section-flags .device_code=readonly scale.so compressed-section.tmp
patch compressed-section.tmp compressed-section.so compress:.device_code
fixture compressed-section.so --link 1 --note "synthetic: a second copy in .device_code, SHF_COMPRESSED; its offsets count from the start of the inflated section" \
    "${images[@]}" .device_code:1:cubin:sm_90:none .device_code:1:ptx:compute_90:zstd:9.5

# AMD's section, with the header of a clang offload bundle.
cat >hip.s <<'END'
.section .hip_fatbin, "a"
.balign 4096
bundle:
.ascii "__CLANG_OFFLOAD_BUNDLE__"
.quad 1, 4096, 0, 33
.ascii "hipv4-amdgcn-amd-amdhsa--gfx90a:"
.section .hipFatBinSegment, "aw"
.long 0x48495046, 1
.quad bundle, 0
.section .note.GNU-stack, "", @progbits
END
commands=()
run gcc -c hip.s -o hip.o
run gcc -shared "${linkflags[@]}" -s -o hip.so hip.o
fixture hip.so --no-oracle --note "synthetic: .hip_fatbin, not CUDA's format"

# Host files of other machines, with a .nv_fatbin by .incbin.
cat >incbin.s <<'END'
.section .nv_fatbin, "a"
.balign 8
.incbin "scale.fatbin"
END
begin
run clang --target=aarch64-linux-gnu -c incbin.s -o aarch64.o
run ld.lld -m aarch64linux -shared -s -o aarch64.so aarch64.o
fixture aarch64.so --no-oracle --note "e_machine 183" "${images[@]}"
cat >wrapped.s <<'END'
.section .nv_fatbin, "a"
.balign 8
fatbin:
.incbin "scale.fatbin"
.section .nvFatBinSegment, "aw"
.balign 8
.long 0x466243b1, 1
.quad fatbin, 0
END
begin
run clang --target=aarch64-linux-gnu -c wrapped.s -o wrapped.o
run ld.lld -m aarch64linux -shared -s -o aarch64-wrapped.so wrapped.o
fixture aarch64-wrapped.so --no-oracle --link 1 --note "wrapper relocated by R_AARCH64_RELATIVE (1027)" "${images[@]}"
begin
run gcc -m32 -c incbin.s -o i386.o
run ld -m elf_i386 -shared -s -o i386.so i386.o
fixture i386.so --no-oracle --note "32-bit: recognised and named, not read"
begin
run clang --target=powerpc64-linux-gnu -c incbin.s -o big-endian.o
run ld.lld -m elf64ppc -shared -s -o big-endian.so big-endian.o
fixture big-endian.so --no-oracle --note "big-endian: recognised and named, not read"

# What surrounds device code.
printf 'int answer(void) { return 42; }\n' >answer.c
commands=()
run gcc -shared -nostdlib "${hostflags[@]}" -Wl,--build-id=0x00112233445566778899aabbccddeeff00112233 -Wl,-soname,libanswer.so.1 -s -o no-device-code.so answer.c
fixture no-device-code.so --note "SONAME libanswer.so.1, build id 00112233445566778899aabbccddeeff00112233"
run gcc -shared -nostdlib "${hostflags[@]}" -Wl,--build-id=0x00112233445566778899aabbccddeeff00112233 -Wl,-soname,libanswer.so.1 -s -o no-device-code.so answer.c
cp no-device-code.so libanswer.so.1
run gcc -shared "${linkflags[@]}" -Wl,--no-as-needed -Wl,--enable-new-dtags '-Wl,-rpath,$ORIGIN/../lib:/opt/cuda/lib64' -Wl,-soname,libneeds.so.2 -s -o needs.so scale.o libanswer.so.1
fixture needs.so --link 1 --note 'SONAME libneeds.so.2, NEEDED libanswer.so.1, RUNPATH $ORIGIN/../lib:/opt/cuda/lib64' "${images[@]}"
finish
