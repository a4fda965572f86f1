#!/usr/bin/env bash
# Relocatable device code: object files, device-linked and not, with and without PTX, in libraries and archives.
source "$(dirname "$0")/../tools/fixtures.sh"

code=(-gencode arch=compute_80,code=sm_80 -gencode "arch=compute_90,code=[sm_90,compute_90]")
link=(-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90)
host=(-Xcompiler -fPIC,-fno-ident)

for part in A B; do
    run nvcc -rdc=true "${code[@]}" "${host[@]}" -c part$part.cu -o part$part.o
    strip --strip-debug part$part.o
    fixture part$part.o __nv_relfatbin:0:cubin:sm_80:zstd __nv_relfatbin:0:cubin:sm_90:zstd __nv_relfatbin:0:ptx:compute_90:zstd:9.5
done
parts=()
for module in 0 1; do
    parts+=(__nv_relfatbin:$module:cubin:sm_80:zstd __nv_relfatbin:$module:cubin:sm_90:zstd __nv_relfatbin:$module:ptx:compute_90:zstd:9.5)
done
linked=(.nv_fatbin:2:cubin:sm_80:none .nv_fatbin:2:cubin:sm_90:none)

commands=()
run nvcc -rdc=true "${code[@]}" "${host[@]}" -c partA.cu partB.cu
compiled=("${commands[@]}")
run ar rcD parts.a partA.o partB.o
fixture parts.a "${parts[@]}"

commands=("${compiled[@]}")
run gcc -shared "${linkflags[@]}" -o unlinked.so partA.o partB.o
fixture unlinked.so --link 1 --link 1 --note "never device-linked: relocatable code alone" "${parts[@]}"

commands=("${compiled[@]}")
run nvcc -dlink "${link[@]}" "${host[@]}" partA.o partB.o -o device.o
fixture device.o .nv_fatbin:0:cubin:sm_80:none .nv_fatbin:0:cubin:sm_90:none
commands=("${compiled[@]}")
run nvcc -dlink "${link[@]}" "${host[@]}" partA.o partB.o -o device.o
run gcc -shared "${linkflags[@]}" -o linked.so partA.o partB.o device.o
fixture linked.so --link 1 --link 1 --link 2 \
    --note "the version-2 wrapper's array is in .bss: the parts it names are only known at run time" "${parts[@]}" "${linked[@]}"
commands=("${compiled[@]}")
run nvcc -dlink "${link[@]}" "${host[@]}" partA.o partB.o -o device.o
run gcc -shared "${linkflags[@]}" -s -o linked-stripped.so partA.o partB.o device.o
fixture linked-stripped.so --link 1 --link 1 --link 2 --note "the same without symbols" "${parts[@]}" "${linked[@]}"

# An archive as libraries ship it: parts and the device-linked object together.
commands=("${compiled[@]}")
run nvcc -dlink "${link[@]}" "${host[@]}" partA.o partB.o -o device.o
run ar rcD linked.a partA.o partB.o device.o
fixture linked.a "${parts[@]}" "${linked[@]}"

# Two device links in one library: two version-2 wrappers, each with its own part.
commands=()
for part in fill offset; do
    run nvcc -rdc=true "${code[@]}" "${host[@]}" -c $part.cu -o $part.o
    run nvcc -dlink "${link[@]}" "${host[@]}" $part.o -o $part.device.o
done
run gcc -shared "${linkflags[@]}" -o linked-twice.so fill.o offset.o fill.device.o offset.device.o
strip --strip-debug linked-twice.so
fixture linked-twice.so --link 1 --link 1 --link 2 --link 2 "${parts[@]}" "${linked[@]}" "${linked[@]/:2:/:3:}"

# No cubin for newer GPUs: only the parts' PTX can serve them.
commands=()
run nvcc -rdc=true -gencode "arch=compute_80,code=[sm_80,compute_80]" "${host[@]}" -c fill.cu -o fill80.o
run nvcc -dlink -gencode arch=compute_80,code=sm_80 "${host[@]}" fill80.o -o fill80.device.o
run gcc -shared "${linkflags[@]}" -s -o linked-jit.so fill80.o fill80.device.o
fixture linked-jit.so --link 1 --link 2 __nv_relfatbin:0:cubin:sm_80:zstd __nv_relfatbin:0:ptx:compute_80:zstd:9.5 .nv_fatbin:1:cubin:sm_80:none

run nvcc -rdc=true -cubin -arch=sm_90 partB.cu -o relocatable.cubin
fixture relocatable.cubin --no-oracle --note "ET_REL" -:0:cubin:sm_90:none
finish
