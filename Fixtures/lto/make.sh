#!/usr/bin/env bash
# Link-time optimisation: LTO-IR in object files, libraries and files of its own, and what linking makes of it.
source "$(dirname "$0")/../tools/fixtures.sh"

host=(-Xcompiler -fPIC,-fno-ident)
run nvcc -dlto -arch=lto_75 "${host[@]}" -dc -o lto75.o scale.cu
strip --strip-debug lto75.o
fixture lto75.o __nv_relfatbin:0:ltoir:lto_75:zstd

run nvcc -rdc=true -gencode arch=compute_80,code=lto_80 -gencode arch=compute_90a,code=lto_90a \
    -gencode "arch=compute_100f,code=[lto_100f,compute_100f]" "${host[@]}" -c -o mixed.o scale.cu
strip --strip-debug mixed.o
images=(__nv_relfatbin:0:ltoir:lto_80:zstd __nv_relfatbin:0:ltoir:lto_90a:zstd __nv_relfatbin:0:ltoir:lto_100f:zstd __nv_relfatbin:0:ptx:compute_100f:zstd:9.5)
fixture mixed.o "${images[@]}"
run nvcc -rdc=true -gencode arch=compute_80,code=lto_80 -gencode arch=compute_90a,code=lto_90a \
    -gencode "arch=compute_100f,code=[lto_100f,compute_100f]" "${host[@]}" -c -o mixed.o scale.cu
run gcc -shared "${linkflags[@]}" -s -o unlinked.so mixed.o
fixture unlinked.so --link 1 --note "LTO-IR and PTX that was never device-linked" "${images[@]}"

run nvcc -dc -gencode arch=compute_80,code=lto_80 "${host[@]}" partA.cu partB.cu
run nvcc -dlto -dlink -arch=sm_80 "${host[@]}" partA.o partB.o -o device.o
run gcc -shared "${linkflags[@]}" -s -o linked.so partA.o partB.o device.o
fixture linked.so --link 1 --link 1 --link 2 __nv_relfatbin:0:ltoir:lto_80:zstd __nv_relfatbin:1:ltoir:lto_80:zstd .nv_fatbin:2:cubin:sm_80:none

for target in 75 90 121; do
    run nvcc -dlto -dc -ltoir -arch=lto_$target -o lto_$target.ltoir scale.cu
    fixture lto_$target.ltoir --no-oracle -:0:ltoir:lto_$target:none
done
run nvcc -dc -fatbin -gencode arch=compute_75,code=lto_75 -gencode arch=compute_120f,code=lto_120f -o lto.fatbin scale.cu
fixture lto.fatbin -:0:ltoir:lto_75:zstd -:0:ltoir:lto_120f:zstd
run nvcc -dc -fatbin --compress-mode=none -gencode arch=compute_75,code=lto_75 -gencode arch=compute_120a,code=lto_120a -o lto-none.fatbin scale.cu
fixture lto-none.fatbin -:0:ltoir:lto_75:none -:0:ltoir:lto_120a:none
run nvcc -dc -fatbin --compress-mode=speed -gencode arch=compute_89,code=lto_89 -o lto-speed.fatbin scale.cu
fixture lto-speed.fatbin -:0:ltoir:lto_89:lz4
finish
