#!/usr/bin/env bash
# Concatenated entries (kind 0x100): members of one kind and generation in one compressed stream.
source "$(dirname "$0")/../tools/fixtures.sh"

for target in 75 80 86 90a 100 103 120f; do
    run nvcc -cubin -arch=sm_$target -o sm_$target.cubin scale.cu
done
for target in 75 90 100f; do
    run nvcc -ptx -arch=compute_$target -o compute_$target.ptx scale.cu
done
for target in 80 90; do
    run nvcc -G -cubin -arch=sm_$target -o debug_$target.cubin scale.cu
done
for target in 35 50 61; do
    ptx sm_$target 6.5 >plain_$target.ptx
    run "$ptxas11" -arch=sm_$target plain_$target.ptx -o sm_$target.cubin
done
tools=("${commands[@]}")

# pack NAME OPTION… -- INPUT… -- FIXTURE-ARGUMENT…; INPUT is elf:90a, ptx:90 or debug:80.
pack() {
    local name=$1 options=() inputs=() word
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    while [ "$1" != -- ]; do
        word=$1
        shift
        case $word in
        elf:*) inputs+=("--image3=kind=elf,sm=${word#*:},file=sm_${word#*:}.cubin") ;;
        debug:*) inputs+=("--image3=kind=elf,sm=${word#*:},file=debug_${word#*:}.cubin") ;;
        ptx:*) inputs+=("--image3=kind=ptx,sm=${word#*:},file=compute_${word#*:}.ptx") ;;
        esac
    done
    shift
    commands=("${tools[@]}")
    run fatbinary --concat "${options[@]}" "--create=$name" "${inputs[@]}"
    fixture "$name" "$@"
}
c=-:0:cubin
p=-:0:ptx
pack one.fatbin -- elf:75 -- --note "one image: fatbinary writes an ordinary entry" $c:sm_75:none
pack two.fatbin --compress-all -- elf:75 elf:80 -- $c:sm_75:zstd $c:sm_80:zstd
pack three.fatbin --compress-all --compress-mode=speed -- elf:75 elf:80 elf:86 -- --note "one LZ4 stream" $c:sm_75:lz4 $c:sm_80:lz4 $c:sm_86:lz4
pack four.fatbin --compress-all --compress-mode=size -- elf:75 elf:80 elf:86 elf:90a -- $c:sm_75:zstd $c:sm_80:zstd $c:sm_86:zstd $c:sm_90a:zstd
pack three-ptx.fatbin -- ptx:75 ptx:90 ptx:100f -- --note "members' descriptors are 80 bytes long: each has an options table" $p:compute_75:zstd:9.5 $p:compute_90:zstd:9.5 $p:compute_100f:zstd:9.5
pack three-blackwell.fatbin -- elf:100 elf:103 elf:120f -- --note "descriptors of 120, 112 and 120 bytes: each carries records of .nv.compat" $c:sm_100:zstd $c:sm_103:zstd $c:sm_120f:zstd
pack mixed.fatbin --compress-all -- elf:75 elf:100 elf:103 elf:80 ptx:75 ptx:90 -- --note "three concatenated entries: the images are reordered by kind and generation" $p:compute_75:zstd:9.5 $p:compute_90:zstd:9.5 $c:sm_75:zstd $c:sm_80:zstd $c:sm_100:zstd $c:sm_103:zstd
pack single-and-concatenated.fatbin -- elf:75 elf:80 elf:86 elf:90a ptx:90 -- --note "a single image comes before the concatenated entry, whatever the order given" $p:compute_90:zstd:9.5 $c:sm_75:zstd $c:sm_80:zstd $c:sm_86:zstd $c:sm_90a:zstd
pack identifier.fatbin --debug --ident=hello.cu -- debug:80 debug:90 -- --note "identifiers inside the descriptors" $c:sm_80:zstd $c:sm_90:zstd
pack identifier-ptx.fatbin --ident=a/b.cu --cmdline=-O2 -- ptx:75 ptx:90 ptx:100f -- --note "identifier and ptxas options in each descriptor" $p:compute_75:zstd:9.5 $p:compute_90:zstd:9.5 $p:compute_100f:zstd:9.5
pack old.fatbin -- elf:35 elf:50 elf:61 -- --note "ABI 7 members" $c:sm_35:zstd $c:sm_50:zstd $c:sm_61:zstd
pack five.fatbin --compress-all -- elf:50 elf:61 elf:75 elf:80 elf:90a -- --no-oracle --note "ABI 7 and ABI 8 in one stream" $c:sm_50:zstd $c:sm_61:zstd $c:sm_75:zstd $c:sm_80:zstd $c:sm_90a:zstd

commands=()
run nvcc -Xfatbin --concat -Xfatbin --compress-all -gencode arch=compute_80,code=sm_80 -gencode arch=compute_86,code=sm_86 \
    -gencode "arch=compute_90,code=[sm_90,compute_90]" -gencode arch=compute_100,code=sm_100 -gencode arch=compute_120,code=sm_120 \
    -shared -cudart none -Xcompiler -fPIC,-fno-ident,-nostdlib -Xlinker --build-id=none -o nvcc.so scale.cu
strip --strip-all nvcc.so
n=.nv_fatbin:0
fixture nvcc.so --link 1 $n:ptx:compute_90:zstd:9.5 $n:cubin:sm_80:zstd $n:cubin:sm_86:zstd $n:cubin:sm_90:zstd $n:cubin:sm_100:zstd $n:cubin:sm_120:zstd
finish
