#!/usr/bin/env bash
# Kernels that are compiled out for some targets, in every way that libraries do it, beside small kernels that are not.
source "$(dirname "$0")/../tools/fixtures.sh"

# library NAME GUARD TARGET…: nvcc's own library; bodies only from GUARD on.
library() {
    local name=$1 guard=$2 target gencode=() images=()
    shift 2
    for target in "$@"; do
        gencode+=(-gencode "arch=compute_$target,code=sm_$target")
        images+=(".nv_fatbin:0:cubin:sm_$target:zstd")
    done
    run nvcc -DGUARD="$guard" --compress-mode=size "${gencode[@]}" -shared -cudart none -Xcompiler -fPIC,-fno-ident,-nostdlib -Xlinker --build-id=none -o "$name.so" stubs.cu
    strip --strip-all "$name.so"
    fixture "$name.so" --link 1 --note "bodies from __CUDA_ARCH__ $guard on" "${images[@]}"
}
library from-80 800 75 80 86 90 100 120
library from-100 1000 75 80 90a 100a 120
library none 9999 75 80 86 87 88 89 90 100 103 107 110 120 121

# cubins NAME ISA PTXAS TARGET…: the same by older compilers and for older targets, from nvcc's PTX. It has no
# instruction that they lack.
cubins() {
    local name=$1 isa=$2 compiler=$3 target options=() images=()
    shift 3
    for target in "$@"; do
        for guard in 0 9999; do
            run nvcc -DGUARD="$guard" -arch=compute_75 -ptx stubs.cu -o stubs.ptx
            sed -e "s/^\.version.*/.version $isa/" -e "s/^\.target.*/.target sm_$target/" stubs.ptx >"$name-$guard-$target.ptx"
            run "$compiler" -arch="sm_$target" "$name-$guard-$target.ptx" -o "$name-$guard-$target.cubin"
        done
    done
    for guard in 0 9999; do
        options=()
        images=()
        for target in "$@"; do
            options+=("--image3=kind=elf,sm=$target,file=$name-$guard-$target.cubin")
            images+=("-:0:cubin:sm_$target:zstd")
        done
        run fatbinary --compress-mode=size --compress-all "${options[@]}" --create="$name-$guard.fatbin"
        fixture "$name-$guard.fatbin" --no-oracle --note "bodies from __CUDA_ARCH__ $guard on" "${images[@]}"
    done
}
cubins ptxas-11.8 7.8 "$ptxas11" 50 60 70 75 80 90
cubins ptxas-12.9 8.8 "$ptxas12" 50 52 60 61 62 70 72 75 80 90 100 101 120

# Device-linked: calls go from one function's section to another's.
run nvcc -rdc=true -c -Xcompiler -fPIC -gencode arch=compute_75,code=sm_75 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_120,code=sm_120 stubsLinked.cu -o stubsLinked.o
run nvcc -rdc=true -c -Xcompiler -fPIC -gencode arch=compute_75,code=sm_75 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_120,code=sm_120 elsewhere.cu -o elsewhere.o
for target in 75 90 120; do
    run nvcc -dlink -cubin -arch="sm_$target" stubsLinked.o elsewhere.o -o "linked-$target.cubin"
done
run fatbinary --compress-mode=size --compress-all --image3=kind=elf,sm=75,file=linked-75.cubin --image3=kind=elf,sm=90,file=linked-90.cubin --image3=kind=elf,sm=120,file=linked-120.cubin --create=linked.fatbin
fixture linked.fatbin --no-oracle -:0:cubin:sm_75:zstd -:0:cubin:sm_90:zstd -:0:cubin:sm_120:zstd
finish
