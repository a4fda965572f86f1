# What every group's make.sh shares. Source it; it moves into an empty work folder with a fixed name (paths end up in
# debug information and in module ids) and puts the CUDA 13.5 tools first on PATH.
#
#   run COMMAND…               runs COMMAND and remembers it as part of how the next fixture was made
#   fixture FILE [OPTION]… IMAGE…   installs FILE into the group's folder and declares what it must hold
#
# IMAGE is SECTION:MODULE:KIND:TARGET:COMPRESSION[:PTXISA]; SECTION is "-" where the file has no sections.
# OPTIONS: --note TEXT, --problem CODE (repeatable), --from FILE (where it lies in the work folder),
# --link VERSION (a wrapper of that version, in order, repeatable), --no-oracle (cuobjdump is not asked),
# --undecoded (a malformed file: the images are declared, not decoded).
set -euo pipefail
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1

fixtures=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$(cd "$(dirname "$0")" && pwd)
group=$(basename "$here")
cache="${CUBINSPECT_DOWNLOADS:-$HOME/.cache/cubinspect}"
[ -x "$cache/cuda-13.5/bin/nvcc" ] || { echo "run Fixtures/fetch-cuda-tools first" >&2; exit 1; }
# By way of a link with a fixed name: device-linked objects hold the path of the tools.
tools13=/tmp/cubinspect-fixtures/cuda-13.5
mkdir -p /tmp/cubinspect-fixtures
ln -sfn "$cache/cuda-13.5" "$tools13"
export PATH="$tools13/bin:$PATH"
ptxas11="$cache/cuda-11.8/bin/ptxas"
ptxas12="$cache/cuda-12.9/bin/ptxas"

work="/tmp/cubinspect-fixtures/$group"
rm -rf "$work"
mkdir -p "$work/keep"
cd "$work"
cp "$fixtures"/sources/* .
commands=()
: >declared.jsonl

# The command as it is written into expected.json: the tools' folder and the work folder left out.
run() {
    commands+=("$(printf '%s ' "$@" | sed -e "s|$cache/||g" -e "s|/tmp/cubinspect-fixtures/||g" -e "s|$fixtures/|Fixtures/|g" -e 's/ $//')")
    case $1 in
    nvcc) shift; command nvcc --keep --keep-dir keep "$@" ;; # --keep: no process id in the names of temporary files
    *) "$@" ;;
    esac
}

fixture() { python3 "$fixtures/tools/declare.py" "$work" "$here" "$(printf '%s\n' "${commands[@]-}")" "$@"; commands=(); }

# finish: decodes every fixture of the group, compares with what was declared and with cuobjdump, writes the JSON files.
finish() { python3 "$fixtures/tools/verify.py" "$work" "$here"; }

# Host code without a C library and without anything that changes from build to build.
hostflags=(-fPIC -fno-ident -fno-asynchronous-unwind-tables -O1)
linkflags=(-nostdlib -Wl,--build-id=none -Wl,-z,noseparate-code)

# ptx TARGET ISA: a kernel that does nothing, as PTX text.
ptx() { printf '.version %s\n.target %s\n.address_size 64\n.visible .entry nothing() { ret; }\n' "$2" "$1"; }

# embed NAME FATBINARY-OPTION…: NAME.o with the fat binary in .nv_fatbin and its wrapper, made without nvcc.
embed() {
    local name=$1
    shift
    run fatbinary "$@" --embedded-fatbin="$name.fatbin.c"
    # The wrapper is a C++ constant: the compiler drops it when nothing refers to it.
    printf '#include "%s.fatbin.c"\nextern "C" const void *%s_wrapper() { return &__fatDeviceText; }\n' "$name" "${name//[^a-zA-Z0-9]/_}" >"$name.wrap.cpp"
    run g++ "${hostflags[@]}" -I "$tools13/include" -c "$name.wrap.cpp" -o "$name.o"
}

# shared NAME OBJECT…: links NAME.so.
shared() {
    local name=$1
    shift
    run gcc -shared "${linkflags[@]}" -Wl,-soname,"$name.so" -o "$name.so" "$@"
    strip --strip-all "$name.so"
}
