#!/usr/bin/env bash
# What Tests/Hardware asks a GPU's driver. Every image has one kernel, `image`, that stores a number of its own, so that
# the number which comes back tells the image that ran: the SM number, the suffix (0 none, 1 a, 2 f), then 1 for a cubin,
# 2 for PTX, other digits where one target comes twice. sm_90a: 9011.
#
# Besides expected.json this writes cases.json: for each case the file, the question, and of every image its target and
# its number in the order of the file; `payload` where the payload is not what the header says: another target, another
# PTX version behind "@", or nothing that makes sense.
#
# Cubins come from the oldest toolkit at hand and PTX declares the oldest version that has its target, so that the age of
# the driver matters only where a case is about it.
source "$(dirname "$0")/../tools/fixtures.sh"
: >cases.tsv

declare -A isa=([60]=6.0 [70]=6.0 [75]=6.3 [80]=7.0 [86]=7.1 [89]=7.8 [90]=7.8 [90a]=8.0 [100]=8.6 [100a]=8.6 [100f]=8.8 [103]=8.8
    [103a]=8.8 [103f]=8.8 [110]=9.0 [120]=8.7 [120a]=8.7 [120f]=8.8 [121]=8.8 [121a]=8.8 [121f]=8.8)

# text TARGET ISA NUMBER: the kernel as PTX.
text() {
    printf '.version %s\n.target %s\n.address_size 64\n.visible .entry image(.param .u64 out)\n{\n' "$2" "$1"
    printf '.reg .u64 %%to;\nld.param.u64 %%to, [out];\ncvta.to.global.u64 %%to, %%to;\nst.global.u32 [%%to], %s;\nret;\n}\n' "$3"
}

# image ITEM: makes an image and sets file, kind (as fatbinary says it), sm, target, version (of its PTX) and number.
# ITEM is sm_90a, compute_90a or lto_90, with /DIGIT behind it for another number, @ISA for another PTX version, and for
# cubins +new (made by CUDA 13.5), +debug or +relocatable.
image() {
    local word=${1%%+*} how='' digit='' compiler=$ptxas11 options=()
    if [[ $1 = *+* ]]; then how=${1#*+}; fi
    version=''
    if [[ $word = *@* ]]; then version=${word#*@} word=${word%@*}; fi
    if [[ $word = */* ]]; then digit=${word#*/} word=${word%/*}; fi
    target=$word
    sm=${word#*_}
    version=${version:-${isa[$sm]}}
    number=${sm}0
    case $sm in *a) number=${sm%a}1 ;; *f) number=${sm%f}2 ;; esac
    case $word in
    compute_*)
        kind=ptx number+=${digit:-2} file=compute-$sm-$version-$number.ptx
        text "sm_$sm" "$version" "$number" >"$file"
        ;;
    sm_*)
        kind=elf number+=${digit:-1} file=sm-$sm-$number$how.cubin
        text "sm_$sm" "$version" "$number" >"$file.ptx"
        case $sm in 90a | 10?* | 12?*) compiler=$ptxas12 ;; 11?) compiler=ptxas ;; esac
        case $how in new) compiler=ptxas ;; debug) options=(-g) ;; relocatable) options=(-c) ;; esac
        run "$compiler" "${options[@]}" -arch="sm_$sm" "$file.ptx" -o "$file"
        ;;
    lto_*)
        kind=nvvm number+=7 file=lto-$sm.ltoir
        run nvcc -DVALUE="$number" -dlto -dc -ltoir -arch="$word" -o "$file" image.cu
        ;;
    esac
}

# ask FILE QUESTION TARGET=NUMBER[=PAYLOAD]…: a case.
ask() {
    local file=$1 question=$2
    shift 2
    printf '%s\t%s\t%s\t\t%s\n' "$file" "$file" "$question" "$*" >>cases.tsv
}

# again VARIABLE=VALUE FILE…: the same with this in the environment.
again() {
    local assignment=$1 file
    shift
    for file in "$@"; do
        awk -F'\t' -v OFS='\t' -v file="$file" -v assignment="$assignment" \
            '$1 == file { print $1 " " assignment, $2, $3, assignment, $5 }' cases.tsv >again.tsv
        [ -s again.tsv ] || { echo "hardware: no case $file" >&2; exit 1; }
        cat again.tsv >>cases.tsv
    done
}

# bare QUESTION ITEM…: each image as a file of its own.
bare() {
    local question=$1 item name declared
    shift
    for item in "$@"; do
        image "$item"
        name=${item//[@\/+]/-}
        case $kind in
        elf) name+=.cubin declared=cubin:$target:none ;;
        ptx) name+=.ptx declared=ptx:$target:none:$version ;;
        nvvm) name+=.ltoir declared=ltoir:$target:none ;;
        esac
        fixture "$name" --no-oracle --from "$file" "-:0:$declared"
        ask "$name" "$question" "$target=$number"
    done
}

# pack NAME QUESTION CODEC [OPTION]… -- ITEM…: a fat binary, with the items in the order in which fatbinary writes them.
pack() {
    local name=$1 question=$2 codec=$3 options=() images=() declared=() asked=() item
    shift 3
    case $codec in
    none) options=(--compress=false) ;;
    lz4) options=(--compress-all --compress-mode=speed) ;;
    zstd) options=(--compress-all) ;;
    esac
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    for item in "$@"; do
        image "$item"
        images+=("--image3=kind=$kind,sm=$sm,file=$file")
        asked+=("$target=$number")
        case $kind in
        elf) declared+=("-:0:cubin:$target:$codec") ;;
        ptx) declared+=("-:0:ptx:$target:$codec:$version") ;;
        nvvm) declared+=("-:0:ltoir:$target:$codec") ;;
        esac
    done
    run fatbinary "${options[@]}" --create="$name" "${images[@]}"
    fixture "$name" --no-oracle "${declared[@]}"
    ask "$name" "$question" "${asked[@]}"
}

# alone QUESTION CODEC ITEM…: each image as the only one of a fat binary.
alone() {
    local question=$1 codec=$2 item
    shift 2
    for item in "$@"; do pack "${item//[@\/+]/-}.fatbin" "$question" "$codec" -- "$item"; done
}

# odd NAME QUESTION PROBLEM HEADER=ITEM…: malformed/NAME, a fat binary whose headers and payloads disagree. HEADER is an ITEM, whose
# target and version the entry claims; the payload is an ITEM, or "nothing". PROBLEM: what a reader must report, or "-".
odd() {
    local name=malformed/$1 question=$2 problem=() entries=() declared=() asked=() pair header headerVersion code
    if [ "$3" != - ]; then problem=(--problem "$3"); fi
    shift 3
    for pair in "$@"; do
        image "${pair%=*}"
        header=$target headerVersion=$version code=0x2
        if [ $kind = ptx ]; then code=0x1; fi
        case ${pair#*=} in
        nothing)
            asked+=("$header=$number=nothing")
            file=nothing-$header
            if [ $kind = ptx ]; then text "sm_$sm" "$version" nothing >"$file"; else head -c 64 /dev/zero >"$file"; fi
            ;;
        *)
            local claimed=$header@$headerVersion sort=$kind
            if [ $kind = elf ]; then claimed=$header; fi
            image "${pair#*=}"
            [ $kind = "$sort" ]
            local actual=$target@$version
            if [ $kind = elf ]; then actual=$target; fi
            if [ "$actual" = "$claimed" ]; then asked+=("$header=$number"); else asked+=("$header=$number=$actual"); fi
            ;;
        esac
        if [ $code = 0x1 ]; then
            entries+=("$code:${header#*_}:$headerVersion:0x11:$file")
            declared+=("-:0:ptx:$header:none:$headerVersion")
        else
            local abi=1.7 flags=0x11
            if [ "${header#*_}" -ge 100 ]; then abi=1.8 flags=0x1000011; fi
            entries+=("$code:${header#*_}:$abi:$flags:$file")
            declared+=("-:0:cubin:$header:none")
        fi
    done
    run python3 "$fixtures/tools/synthesise.py" "$name" "${entries[@]}"
    fixture "$name" --undecoded --no-oracle --note "$question" "${problem[@]}" "${declared[@]}"
    ask "$name" "$question" "${asked[@]}"
}

# One image of every target, as a file and in a fat binary.
bare "machine code in a file of its own" sm_60 sm_70 sm_75 sm_80 sm_86 sm_89 sm_90 sm_90a sm_100 sm_100f sm_120 sm_120f sm_121
alone "machine code for one target" none sm_70 sm_75 sm_80 sm_86 sm_89 sm_90 sm_90a
alone "machine code for one target" lz4 sm_100 sm_100a sm_100f sm_103 sm_103a sm_103f sm_110 sm_120 sm_120a sm_120f sm_121 sm_121a sm_121f
bare "PTX in a file of its own" compute_60 compute_75 compute_80 compute_86 compute_89 compute_90 compute_90a compute_100 compute_100a compute_100f \
    compute_103 compute_103f compute_120 compute_120a compute_120f compute_121
alone "PTX for one target" none compute_60 compute_75 compute_80 compute_86 compute_89 compute_90 compute_90a compute_100 compute_100a compute_100f \
    compute_103 compute_103f compute_120 compute_120a compute_120f compute_121

# How new the PTX and the compiler may be.
bare "a version of PTX that came with CUDA 11.8 to 13.5, or never" compute_75@7.8 compute_75@8.0 compute_75@8.3 compute_75@8.5 compute_75@8.8 compute_75@9.0 \
    compute_75@9.3 compute_75@9.5 compute_75@99.0
alone "a version of PTX that came with CUDA 12.5 to 13.5, or never" none compute_75@8.5 compute_75@9.0 compute_75@9.3 compute_75@9.5 compute_75@99.0
bare "machine code made by CUDA 13.5" sm_75/5+new sm_80/5+new sm_90/5+new sm_100/5+new sm_120/5+new

# Compression.
all=(sm_75 sm_80 sm_90 sm_100 sm_120)
pack cubins-none.fatbin "machine code, not compressed" none -- "${all[@]}"
pack cubins-lz4.fatbin "machine code in LZ4" lz4 -- "${all[@]}"
pack cubins-zstd.fatbin "machine code in zstd" zstd -- "${all[@]}"
pack ptx-lz4.fatbin "PTX in LZ4" lz4 -- compute_75
pack ptx-zstd.fatbin "PTX in zstd" zstd -- compute_75
pack concatenated-lz4.fatbin "concatenated machine code in LZ4" lz4 --concat -- "${all[@]}"
pack concatenated-zstd.fatbin "concatenated machine code in zstd" zstd --concat -- "${all[@]}"
pack concatenated-ptx.fatbin "concatenated PTX" zstd --concat -- compute_60 compute_75 compute_80
pack concatenated-both.fatbin "concatenated machine code and PTX" zstd --concat -- compute_60 compute_75 "${all[@]}"

# What must be linked first.
pack relocatable.fatbin "relocatable machine code" none -- sm_75+relocatable sm_80+relocatable sm_90+relocatable sm_120+relocatable
bare "relocatable machine code in a file of its own" sm_80+relocatable sm_90+relocatable
pack relocatable-and-ptx.fatbin "relocatable machine code beside PTX" none -- sm_80+relocatable sm_90+relocatable compute_75
bare "LTO-IR in a file of its own" lto_75
pack lto.fatbin "LTO-IR" lz4 -- lto_75
pack lto-and-ptx.fatbin "LTO-IR beside PTX" lz4 -- lto_75 compute_75
pack lto-and-cubins.fatbin "LTO-IR beside machine code" lz4 -- lto_75 "${all[@]}"

# Debug information.
pack debug.fatbin "machine code with debug information" lz4 --debug -- sm_75/6+debug sm_80/6+debug sm_90/6+debug sm_100/6+debug sm_120/6+debug

# The choice among several.
q="machine code or PTX"
pack cubins-then-ptx.fatbin "$q" lz4 -- "${all[@]}" compute_75
pack ptx-then-cubins.fatbin "$q" lz4 -- compute_75 "${all[@]}"
pack older-cubins-and-exact-ptx.fatbin "machine code for a lower minor version, or PTX for this one" lz4 -- sm_80 sm_100 sm_120 compute_86 compute_89 compute_103 compute_121
q="the nearest machine code"
pack ampere.fatbin "$q" lz4 -- sm_80 sm_86
pack ampere-reversed.fatbin "$q" lz4 -- sm_86 sm_80
pack ampere-ada.fatbin "$q" lz4 -- sm_86 sm_89 sm_80
pack blackwell.fatbin "$q" lz4 -- sm_100 sm_103 sm_120 sm_121
pack blackwell-reversed.fatbin "$q" lz4 -- sm_121 sm_120 sm_103 sm_100
q="with or without a suffix"
pack hopper-suffix.fatbin "$q" lz4 -- sm_90 sm_90a
pack hopper-suffix-reversed.fatbin "$q" lz4 -- sm_90a sm_90
pack blackwell-suffix.fatbin "$q" lz4 -- sm_100 sm_100f sm_100a sm_120 sm_120f sm_120a
pack blackwell-suffix-reversed.fatbin "$q" lz4 -- sm_120a sm_120f sm_120 sm_100a sm_100f sm_100
pack blackwell-family.fatbin "$q" lz4 -- sm_100f sm_103 sm_120f sm_121
pack ptx-suffix.fatbin "$q" none -- compute_90 compute_90a compute_100 compute_100f compute_120 compute_120f
pack ptx-suffix-reversed.fatbin "$q" none -- compute_120f compute_120 compute_100f compute_100 compute_90a compute_90
q="which PTX"
pack ptx-ascending.fatbin "$q" none -- compute_60 compute_75 compute_80 compute_90 compute_100 compute_120
pack ptx-descending.fatbin "$q" none -- compute_120 compute_100 compute_90 compute_80 compute_75 compute_60
pack ptx-versions.fatbin "PTX of two versions for one target" none -- compute_75/3@6.3 compute_75/4@7.0
pack ptx-versions-reversed.fatbin "PTX of two versions for one target" none -- compute_75/4@7.0 compute_75/3@6.3
pack ptx-too-new.fatbin "PTX in a version that is too new beside older PTX" none -- compute_75@99.0 compute_60
pack twice.fatbin "one target twice" lz4 -- sm_75 sm_75/3 sm_80 sm_80/3 sm_90 sm_90/3 sm_100 sm_100/3 sm_120 sm_120/3
pack ptx-twice.fatbin "one target twice" none -- compute_75/3 compute_75/4

# Payloads that are not what their headers say.
mkdir malformed
odd nothing.fatbin "machine code without sense beside good PTX" invalidValue \
    sm_75=nothing sm_80=nothing sm_90=nothing sm_100=nothing sm_120=nothing compute_75=compute_75
odd nothing-nearest.fatbin "machine code without sense beside good but less near" invalidValue \
    sm_80=sm_80 sm_86=nothing sm_89=nothing sm_120=sm_120 sm_121=nothing
odd nothing-ptx.fatbin "PTX without sense" - compute_75=nothing
odd nothing-ptx-nearest.fatbin "PTX without sense beside good PTX for a lower target" - compute_75=nothing compute_60=compute_60
odd nothing-ptx-and-cubins.fatbin "PTX without sense beside good machine code" - compute_75=nothing sm_75=sm_75 sm_80=sm_80 sm_90=sm_90
odd header-75-cubin-90.fatbin "the header says sm_75, the cubin is for sm_90" mismatch sm_75=sm_90
odd header-80-cubin-75.fatbin "the header says sm_80, the cubin is for sm_75" mismatch sm_80=sm_75
odd header-86-cubin-80.fatbin "the header says sm_86, the cubin is for sm_80" mismatch sm_86=sm_80
odd header-90-cubin-80.fatbin "the header says sm_90, the cubin is for sm_80" mismatch sm_90=sm_80
odd header-100-cubin-120.fatbin "the header says sm_100, the cubin is for sm_120" mismatch sm_100=sm_120
odd header-120-cubin-100.fatbin "the header says sm_120, the cubin is for sm_100" mismatch sm_120=sm_100
odd header-60-text-121.fatbin "the header says compute_60, the text compute_121" - compute_60=compute_121
odd header-121-text-60.fatbin "the header says compute_121, the text compute_60" - compute_121=compute_60
odd header-6.3-text-99.0.fatbin "the header says PTX 6.3, the text 99.0" - compute_75@6.3=compute_75@99.0
odd header-99.0-text-6.3.fatbin "the header says PTX 99.0, the text 6.3" - compute_75@99.0=compute_75@6.3

again CUDA_FORCE_PTX_JIT=1 cubins-none.fatbin cubins-then-ptx.fatbin ptx-then-cubins.fatbin ampere.fatbin
again CUDA_DISABLE_PTX_JIT=1 cubins-then-ptx.fatbin ptx-ascending.fatbin compute_75.fatbin compute_75.ptx
again CUDA_MODULE_LOADING=LAZY cubins-none.fatbin ampere.fatbin sm_80.fatbin compute_75.fatbin compute_90a.fatbin
finish
python3 - cases.tsv "$here/cases.json" <<'END'
import json, sys
rows = []
for line in open(sys.argv[1]):
    name, file, question, environment, images = line.rstrip("\n").split("\t")
    row = {"name": name, "file": file, "question": question, "images": []}
    if environment:
        row["environment"] = dict([environment.split("=")])
    for image in images.split():
        target, number, *payload = image.split("=")
        row["images"].append({"target": target, "number": int(number)} | ({"payload": payload[0]} if payload else {}))
    rows.append(json.dumps(row, sort_keys=True))
assert len({json.loads(row)["name"] for row in rows}) == len(rows)
open(sys.argv[2], "w").write("[\n" + ",\n".join(rows) + "\n]\n")
END
