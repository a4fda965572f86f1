#!/usr/bin/env bash
# Cubins and PTX whose kernels take resources, and what cuobjdump says of them: resources.txt.
source "$(dirname "$0")/../tools/fixtures.sh"

for target in sm_75 sm_90a sm_100f sm_120; do
    run nvcc -cubin -arch=$target -o $target.cubin resources.cu
    fixture $target.cubin --no-oracle "-:0:cubin:$target:none"
done
# Older compilers, from PTX in a version that they know.
run nvcc -ptx -arch=compute_75 -o resources.ptx resources.cu
fixture resources.ptx --no-oracle -:0:ptx:compute_75:none:9.5
old() {
    local compiler=$1 isa=$2 target=$3
    sed -e "s/^\.version .*/.version $isa/" -e "s/^\.target .*/.target $target/" resources.ptx >$target.ptx
    commands+=("resources.ptx with .version $isa and .target $target: $target.ptx")
    run "$compiler" -arch=$target $target.ptx -o $target.cubin
    fixture $target.cubin --no-oracle "-:0:cubin:$target:none"
}
old "$ptxas11" 7.8 sm_52
old "$ptxas12" 8.8 sm_101a
run nvcc -dc -gencode arch=compute_80,code=sm_80 -o relocatable.o resources.cu
run cuobjdump -xelf all relocatable.o
run mv relocatable.1.sm_80.cubin relocatable.cubin
fixture relocatable.cubin --no-oracle -:0:cubin:sm_80:none

for file in *.cubin; do
    echo "file $file"
    cuobjdump -res-usage "$file" 2>&1
done >"$here/resources.txt"
finish
