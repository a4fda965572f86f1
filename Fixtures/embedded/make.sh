#!/usr/bin/env bash
# Device code that no runtime registers: byte arrays in the data sections of a host library.
source "$(dirname "$0")/../tools/fixtures.sh"

run nvcc -cubin -arch=sm_90a -o scale.cubin scale.cu
cubin=("${commands[@]}")
commands=()
run nvcc -cubin -arch=sm_100 -o scale100.cubin scale.cu
run nvcc -ptx -arch=compute_80 -o scale.ptx scale.cu
run fatbinary --create=scale.fatbin --image3=kind=elf,sm=100,file=scale100.cubin --image3=kind=ptx,sm=80,file=scale.ptx
fatbin=("${commands[@]}")
commands=()
run nvcc -ptx -arch=compute_80 -o scale.ptx scale.cu
ptx=("${commands[@]}")

# bin2c 13.5 writes C that does not compile with --const and --alignment together; an array of long long is aligned as well.
# array FILE NAME SECTION BIN2C-OPTION…: FILE as a C array in NAME.o.
array() {
    local file=$1 name=$2
    shift 2
    # bin2c writes to stdout.
    commands+=("bin2c $* --name $name $file >$name.c")
    bin2c "$@" --name "$name" "$file" >"$name.c"
    run gcc "${hostflags[@]}" -c "$name.c" -o "$name.o"
}

commands=("${cubin[@]}")
array scale.cubin cubinBytes --const --type longlong
shared cubin-rodata cubinBytes.o
fixture cubin-rodata.so .rodata:0:cubin:sm_90a:none

# gcc aligns arrays of this size to 16 bytes at least; .incbin and linkers' binary inputs do not.
commands=("${cubin[@]}")
printf '.section .rodata\n.ascii "abc"\n.incbin "scale.cubin"\n.section .note.GNU-stack,"",@progbits\n' >unaligned.s
run gcc -c unaligned.s -o unaligned.o
shared cubin-unaligned unaligned.o
fixture cubin-unaligned.so --note ".incbin after three bytes: the cubin starts at an odd address" .rodata:0:cubin:sm_90a:none

for section in data rodata; do
    commands=("${fatbin[@]}")
    constness=()
    if [ $section = rodata ]; then constness=(--const); fi
    array scale.fatbin fatbinBytes "${constness[@]}" --type longlong
    shared fatbin-$section fatbinBytes.o
    fixture fatbin-$section.so ".$section:0:cubin:sm_100:none" ".$section:0:ptx:compute_80:zstd:9.5"
done

commands=("${fatbin[@]}")
array scale.fatbin fatbinBytes --const --type longlong
run objcopy --rename-section .rodata=.lrodata fatbinBytes.o
shared fatbin-lrodata fatbinBytes.o
fixture fatbin-lrodata.so .lrodata:0:cubin:sm_100:none .lrodata:0:ptx:compute_80:zstd:9.5

commands=("${ptx[@]}")
array scale.ptx ptxBytes --const --padd 0
shared ptx-rodata ptxBytes.o
fixture ptx-rodata.so --note "bin2c, zero-terminated" .rodata:0:ptx:compute_80:none:9.5

cat >literal.c <<'END'
static const char first[] = ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry nothing() { ret; }\n";
static const char second[] = "//\n// written by hand\n//\n\n.version 8.8\n.target sm_100f, debug\n.address_size 64\n.visible .entry nothing() { ret; }\n";
static const char notPTX[] = "usage: .version and .target are directives";
const char *text(int which) { return which == 0 ? first : which == 1 ? second : notPTX; }
END
commands=()
run gcc "${hostflags[@]}" -fno-merge-constants -c literal.c -o literal.o
shared ptx-literals literal.o
fixture ptx-literals.so --note "two C string literals with PTX, one with the directives' names alone" .rodata:0:ptx:compute_100f:none:8.8 .rodata:1:ptx:compute_70:none:7.0

# One library with all of it, .nv_fatbin included.
commands=("${fatbin[@]}")
embed registered --image3=kind=elf,sm=100,file=scale100.cubin
array scale.cubin cubinBytes --const --type longlong
array scale.fatbin fatbinBytes --type longlong
shared everything registered.o cubinBytes.o fatbinBytes.o
fixture everything.so --link 1 .rodata:0:cubin:sm_90a:none .nv_fatbin:1:cubin:sm_100:none .data:2:cubin:sm_100:none .data:2:ptx:compute_80:zstd:9.5
finish
