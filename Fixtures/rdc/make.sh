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
after=("${parts[@]/#__nv_relfatbin:1/__nv_relfatbin:2}")
after=("${after[@]/#__nv_relfatbin:0/__nv_relfatbin:1}")
parts2=("${parts[@]}")

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
LINKED
commands=("${compiled[@]}")
run nvcc -dlink "${link[@]}" "${host[@]}" partA.o partB.o -o device.o
run gcc -shared "${linkflags[@]}" -s -o linked-stripped.so partA.o partB.o device.o
LINKED_STRIPPED

# Two device links in one library: two version-2 wrappers, each with its own part.
for part in fill offset; do
    run nvcc -rdc=true "${code[@]}" "${host[@]}" -c $part.cu -o $part.o
    run nvcc -dlink "${link[@]}" "${host[@]}" $part.o -o $part.device.o
done
run gcc -shared "${linkflags[@]}" -o linked-twice.so fill.o offset.o fill.device.o offset.device.o -Wl,--allow-multiple-definition
TWICE
finish
