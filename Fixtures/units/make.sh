#!/usr/bin/env bash
# Several translation units in one file: several fat binaries, several wrappers, padding between.
source "$(dirname "$0")/../tools/fixtures.sh"

objects=()
number=0
images=()
for target in 75 80 90a; do
    source=$(printf '%s\n' scale fill offset | sed -n "$((number + 1))p")
    run nvcc -gencode "arch=compute_$target,code=[sm_$target,compute_$target]" -Xcompiler -fPIC,-fno-ident -c -o "$source.o" $source.cu
    objects+=("$source.o")
    images+=(".nv_fatbin:$number:cubin:sm_$target:none" ".nv_fatbin:$number:ptx:compute_$target:zstd:9.5")
    number=$((number + 1))
done
compiled=("${commands[@]}")
run gcc -shared "${linkflags[@]}" -s -o three.so "${objects[@]}"
fixture three.so --link 1 --link 1 --link 1 "${images[@]}"

commands=("${compiled[@]}")
run ar rcD three.a "${objects[@]}"
fixture three.a "${images[@]}"

# The same with 64-byte alignment of each object's part: zeroes between the fat binaries.
commands=("${compiled[@]}")
for object in "${objects[@]}"; do
    run objcopy --set-section-alignment .nv_fatbin=64 "$object"
done
run gcc -shared "${linkflags[@]}" -s -o padded.so "${objects[@]}"
fixture padded.so --link 1 --link 1 --link 1 --note "zero padding between the fat binaries" "${images[@]}"

# Fat binaries without wrappers: nothing registers them.
commands=()
run nvcc -fatbin -gencode "arch=compute_80,code=[sm_80,compute_80]" -o scale.fatbin scale.cu
printf '.section .nv_fatbin, "a"\n.balign 8\n.incbin "scale.fatbin"\n.section .note.GNU-stack,"",@progbits\n' >bare.s
run gcc -c bare.s -o bare.o
run gcc -shared "${linkflags[@]}" -s -o bare.so bare.o
fixture bare.so --note ".nv_fatbin without a wrapper" .nv_fatbin:0:cubin:sm_80:none .nv_fatbin:0:ptx:compute_80:zstd:9.5
finish
