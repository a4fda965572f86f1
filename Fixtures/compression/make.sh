#!/usr/bin/env bash
# The compression modes of CUDA 13.5, through nvcc (shared libraries) and through fatbinary (bare fat binaries).
source "$(dirname "$0")/../tools/fixtures.sh"

run nvcc -cubin -arch=sm_90 -o scale90.cubin scale.cu
run nvcc -ptx -arch=compute_90 -o scale90.ptx scale.cu
tools=("${commands[@]}")
declare -A codec=([none]=none [speed]=lz4 [balance]=zstd [size]=zstd [default]=zstd)
for mode in none speed balance size default; do
    c=${codec[$mode]}
    # nvcc compresses executable cubins in this mode only; PTX in all but none.
    cubin=none
    if [ $mode = size ]; then cubin=zstd; fi
    commands=()
    run nvcc --compress-mode=$mode -gencode arch=compute_80,code=sm_80 -gencode "arch=compute_90,code=[sm_90,compute_90]" \
        -shared -cudart none -Xcompiler -fPIC,-fno-ident,-nostdlib -Xlinker --build-id=none -o "nvcc-$mode.so" scale.cu
    strip --strip-all "nvcc-$mode.so"
    fixture "nvcc-$mode.so" --link 1 ".nv_fatbin:0:cubin:sm_80:$cubin" ".nv_fatbin:0:cubin:sm_90:$cubin" ".nv_fatbin:0:ptx:compute_90:$c:9.5"
    commands=("${tools[@]}")
    run fatbinary --compress-all --compress-mode=$mode --create="all-$mode.fatbin" --image3=kind=elf,sm=90,file=scale90.cubin --image3=kind=ptx,sm=90,file=scale90.ptx
    fixture "all-$mode.fatbin" "-:0:cubin:sm_90:$c" "-:0:ptx:compute_90:$c:9.5"
done
commands=("${tools[@]}")
run fatbinary --compress=false --create=compress-false.fatbin --image3=kind=elf,sm=90,file=scale90.cubin --image3=kind=ptx,sm=90,file=scale90.ptx
fixture compress-false.fatbin -:0:cubin:sm_90:none -:0:ptx:compute_90:none:9.5
finish
