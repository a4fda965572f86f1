#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stddef.h>

/* Bytes from the start of a state that are in use: its last field, a buffer of 64 KiB, is filled in part, and Swift does not
   see a field of that size. */
static inline size_t inflate_state_used(const struct inflate_state *state) {
  return offsetof(struct inflate_state, tmp_out_buffer) + state->tmp_out_valid;
}
