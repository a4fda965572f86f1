#!/usr/bin/env bash
# Device code in files of its own. (Archives and object files are in rdc/ and units/, LTO-IR in lto/.)
source "$(dirname "$0")/../tools/fixtures.sh"

run nvcc -cubin -arch=sm_120a -o scale.cubin scale.cu
fixture scale.cubin --no-oracle -:0:cubin:sm_120a:none
run nvcc -ptx -arch=compute_100f -o scale.ptx scale.cu
fixture scale.ptx --no-oracle -:0:ptx:compute_100f:none:9.5
run nvcc -fatbin -gencode "arch=compute_90a,code=[sm_90a,compute_90a]" -gencode arch=compute_80,code=sm_80 -o scale.fatbin scale.cu
fixture scale.fatbin -:0:cubin:sm_90a:none -:0:ptx:compute_90a:zstd:9.5 -:0:cubin:sm_80:none
run nvcc -fatbin -arch=sm_90a -o arch-option.fatbin scale.cu
fixture arch-option.fatbin --note "-arch=sm_90a alone: nvcc 13.5 adds PTX for compute_90" -:0:ptx:compute_90:zstd:9.5 -:0:cubin:sm_90a:none -:0:ptx:compute_90a:zstd:9.5
ptx sm_100f 9.5 >hand.ptx
commands=("hand.ptx: a kernel that does nothing, .target sm_100f")
run nvcc -fatbin -arch=compute_100f -o from-ptx.fatbin hand.ptx
fixture from-ptx.fatbin --note "nvcc writes the text twice; the first header says compute_100, the text .target sm_100f" -:0:ptx:compute_100:zstd:9.5 -:0:ptx:compute_100f:zstd:9.5
run nvcc -ptx -arch=compute_75 -o two-targets.ptx scale.cu
sed -i 's/^\.target .*/.target sm_75, debug/' two-targets.ptx
commands+=("sed -i 's/^\\.target .*/.target sm_75, debug/' two-targets.ptx")
fixture two-targets.ptx --no-oracle --note ".target with a second word" -:0:ptx:compute_75:none:9.5
finish
