#!/usr/bin/env bash
# Entries that no compiler at hand makes, written by hand after public descriptions of the format: old zlib compression,
# kinds 4, 0x10, 0x20, 0x40 and 0x80, flags of other systems. They show that such entries survive, not what they hold.
source "$(dirname "$0")/../tools/fixtures.sh"

ptx sm_35 3.2 >old.ptx
run "$ptxas11" -arch=sm_35 old.ptx -o old.cubin
run python3 "$fixtures/tools/synthesise.py" zlib.fatbin 0x2:35:1.7:0x1011:old.cubin 0x1:35:3.2:0x1011:old.ptx
fixture zlib.fatbin --no-oracle --note "flag 0x1000 with a zlib stream" -:0:cubin:sm_35:zlib -:0:ptx:compute_35:zlib:3.2
run "$ptxas11" -arch=sm_35 old.ptx -o old.cubin
run python3 "$fixtures/tools/synthesise.py" kinds.fatbin 0x4:35:1.7:0x11:old.cubin 0x10:90:1.8:0x11:old.cubin 0x20:0:0.1:0x11:old.ptx \
    0x40:90:9.5:0x11:old.ptx 0x80:100:1.0:0x11:old.ptx 0x2:35:1.7:0x11:old.cubin
fixture kinds.fatbin --no-oracle --note "the payloads are not what the kinds promise" \
    -:0:old-cubin:sm_35:none -:0:cubin-variant:sm_90:none -:0:index:sm_0:none -:0:relocatable-ptx:compute_90:none:9.5 -:0:tileir:sm_100:none -:0:cubin:sm_35:none
run "$ptxas11" -arch=sm_35 old.ptx -o old.cubin
run python3 "$fixtures/tools/synthesise.py" systems.fatbin 0x2:35:1.7:0x21:old.cubin 0x2:35:1.7:0x41:old.cubin
fixture systems.fatbin --no-oracle --note "flags of macOS and of Windows" -:0:cubin:sm_35:none -:0:cubin:sm_35:none
finish
