#!/usr/bin/env bash
# Every target that ptxas 11.8, 12.9 and 13.5 compile for: bare cubins, and the same packed in shared libraries.
source "$(dirname "$0")/../tools/fixtures.sh"

targets11=(35 37 50 52 53 60 61 62 70 72 75 80 86 87 89 90)
targets12=(50 52 53 60 61 62 70 72 75 80 86 87 89 90 90a 100 100f 100a 101 101f 101a 103 103f 103a 120 120f 120a 121 121f 121a)
targets13=(75 80 86 87 88 89 90 90a 100 100f 100a 103 103f 103a 107 107f 107a 110 110f 110a 120 120f 120a 121 121f 121a)

# cubins TOOLKIT ISA PTXAS TARGET…: ISA is the PTX version that nvcc of this toolkit writes.
cubins() {
    local toolkit=$1 isa=$2 compiler=$3 target
    shift 3
    mkdir -p "cubins-$toolkit"
    local options=() images=() ptxOptions=() ptxImages=()
    for target in "$@"; do
        ptx "sm_$target" "$isa" >"sm_$target.ptx"
        run "$compiler" -arch="sm_$target" "sm_$target.ptx" -o "cubins-$toolkit/sm_$target.cubin"
        fixture "cubins-$toolkit/sm_$target.cubin" --no-oracle "-:0:cubin:sm_$target:none"
        options+=("--image3=kind=elf,sm=$target,file=cubins-$toolkit/sm_$target.cubin")
        images+=(".nv_fatbin:0:cubin:sm_$target:none")
        ptxOptions+=("--image3=kind=ptx,sm=$target,file=sm_$target.ptx")
        ptxImages+=(".nv_fatbin:0:ptx:compute_$target:zstd:$isa")
    done
    embed "cubins-$toolkit" "${options[@]}"
    shared "cubins-$toolkit" "cubins-$toolkit.o"
    fixture "cubins-$toolkit.so" --link 1 "${images[@]}"
    embed "ptx-$toolkit" "${ptxOptions[@]}"
    shared "ptx-$toolkit" "ptx-$toolkit.o"
    fixture "ptx-$toolkit.so" --link 1 "${ptxImages[@]}"
}
cubins 11.8 7.8 "$ptxas11" "${targets11[@]}"
cubins 12.9 8.8 "$ptxas12" "${targets12[@]}"
cubins 13.5 9.5 ptxas "${targets13[@]}"

# One library per case that readers meet: PyTorch builds that are too old for an A100, and two that are not.
old=()
declared=()
for target in 37 50 60 70; do
    old+=("--image3=kind=elf,sm=$target,file=cubins-11.8/sm_$target.cubin")
    declared+=(".nv_fatbin:0:cubin:sm_$target:none")
done
embed too-old "${old[@]}"
shared too-old too-old.o
fixture too-old.so --link 1 --note "sm_37, 50, 60, 70 only: nothing for an A100" "${declared[@]}"
embed too-old-sm80 "${old[@]}" --image3=kind=elf,sm=80,file=cubins-11.8/sm_80.cubin
shared too-old-sm80 too-old-sm80.o
fixture too-old-sm80.so --link 1 --note "the same with sm_80: native on an A100" "${declared[@]}" .nv_fatbin:0:cubin:sm_80:none
ptx sm_70 7.8 >compute_70.ptx
embed too-old-ptx "${old[@]}" --image3=kind=ptx,sm=70,file=compute_70.ptx
shared too-old-ptx too-old-ptx.o
fixture too-old-ptx.so --link 1 --note "the same with PTX for compute_70: JIT on an A100" "${declared[@]}" .nv_fatbin:0:ptx:compute_70:zstd:7.8

# nvcc itself. It refuses sm_100 and sm_100f in one command, so there is a library per suffix.
nvccLibrary() {
    local name=$1 target gencode=() images=()
    shift
    for target in "$@"; do
        gencode+=(-gencode "arch=compute_$target,code=[sm_$target,compute_$target]")
        images+=(".nv_fatbin:0:cubin:sm_$target:none" ".nv_fatbin:0:ptx:compute_$target:zstd:9.5")
    done
    run nvcc "${gencode[@]}" -shared -cudart none -Xcompiler -fPIC,-fno-ident,-nostdlib -Xlinker --build-id=none -o "$name.so" scale.cu
    strip --strip-all "$name.so"
    fixture "$name.so" --link 1 "${images[@]}"
}
nvccLibrary nvcc-plain 75 80 86 87 88 89 90 100 103 107 110 120 121
nvccLibrary nvcc-a 90a 100a 103a 107a 110a 120a 121a
nvccLibrary nvcc-f 100f 103f 107f 110f 120f 121f
finish
