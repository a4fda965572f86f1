#!/usr/bin/env bash
# Device code with debug information, line information and identifiers.
source "$(dirname "$0")/../tools/fixtures.sh"

host=(-Xcompiler -fPIC,-fno-ident,-nostdlib -Xlinker --build-id=none)
run nvcc -G -gencode "arch=compute_90,code=[sm_90,compute_90]" -shared -cudart none "${host[@]}" -o debug.so scale.cu
strip --strip-all debug.so
fixture debug.so --link 1 --note "-G: compressed cubin, flag 0x2" .nv_fatbin:0:cubin:sm_90:zstd .nv_fatbin:0:ptx:compute_90:zstd:9.5
run nvcc -g -G -gencode "arch=compute_100,code=[sm_100,compute_100]" -shared -cudart none "${host[@]}" -o debug-host.so scale.cu
strip --strip-debug debug-host.so
fixture debug-host.so --link 1 --note "-g -G: the identifier is the source file's name" .nv_fatbin:0:cubin:sm_100:zstd .nv_fatbin:0:ptx:compute_100:zstd:9.5
run nvcc -lineinfo -gencode "arch=compute_90,code=[sm_90,compute_90]" -shared -cudart none "${host[@]}" -o lineinfo.so scale.cu
strip --strip-all lineinfo.so
fixture lineinfo.so --link 1 .nv_fatbin:0:cubin:sm_90:none .nv_fatbin:0:ptx:compute_90:zstd:9.5

run nvcc -cubin -arch=sm_90 -o scale90.cubin scale.cu
run nvcc -ptx -arch=compute_90 -o scale90.ptx scale.cu
run fatbinary --debug --ident=folder/scale.cu "--cmdline=-O1 --maxrregcount 32" --create=identifier.fatbin \
    --image3=kind=elf,sm=90,file=scale90.cubin --image3=kind=ptx,sm=90,file=scale90.ptx
fixture identifier.fatbin --note "identifier and ptxas options in the same PTX entry" -:0:cubin:sm_90:zstd -:0:ptx:compute_90:zstd:9.5
run nvcc -ptx -arch=compute_90 -o scale90.ptx scale.cu
run fatbinary --32 --create=compute32.fatbin --image3=kind=ptx,sm=90,file=scale90.ptx
fixture compute32.fatbin --note "flag 0x1 is missing: fatbinary was told of a 32-bit compilation" -:0:ptx:compute_90:zstd:9.5
finish
