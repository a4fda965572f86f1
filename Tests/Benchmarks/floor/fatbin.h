// The least walk over the fat binaries of one section: a read of each header, 16 or 64 bytes.
#ifndef FLOOR_FATBIN_H
#define FLOOR_FATBIN_H

#include <stdint.h>

#include "sections.h"

#define FATBIN_MAGIC 0xBA55ED50u

typedef struct {
  uint64_t fatbins, images;
} Counts;

// Called with the offset and the fixed part of every entry, when set.
static void (*on_entry)(uint64_t offset, const unsigned char *fixed);

static void walk_section(const ElfFile *file, unsigned i, Counts *counts, const char *path) {
  uint64_t offset = file->sections[i].sh_offset, end = offset + file->sections[i].sh_size;
  while (offset + 16 <= end) {
    struct {
      uint32_t magic;
      uint16_t version, header_size;
      uint64_t size;
    } fatbin;
    read_exactly(file->fd, &fatbin, sizeof fatbin, offset, path);
    if (fatbin.magic != FATBIN_MAGIC) {
      offset += 8;
      continue;
    }
    counts->fatbins++;
    uint64_t entry = offset + fatbin.header_size;
    if (fatbin.size > end - entry) fail(path, "fat binary reaches past its section");
    uint64_t stop = entry + fatbin.size;
    while (entry + 64 <= stop) {
      unsigned char fixed[64];
      read_exactly(file->fd, fixed, sizeof fixed, entry, path);
      uint32_t header_size;
      uint64_t payload_size;
      memcpy(&header_size, fixed + 4, 4);
      memcpy(&payload_size, fixed + 8, 8);
      if (header_size < 64 || payload_size > stop - entry) fail(path, "entry reaches past its fat binary");
      counts->images++;
      if (on_entry) on_entry(entry, fixed);
      entry += header_size + payload_size;
    }
    offset = stop;
  }
}

// Reads every fat binary and entry header of `.nv_fatbin` and `__nv_relfatbin`.
static Counts walk_fatbin_sections(const ElfFile *file, const char *path) {
  Counts counts = {0, 0};
  for (unsigned i = 0; i < file->count; i++) {
    const char *name = section_name(file, i);
    if (!strcmp(name, ".nv_fatbin") || !strcmp(name, "__nv_relfatbin"))
      walk_section(file, i, &counts, path);
  }
  return counts;
}

#endif
