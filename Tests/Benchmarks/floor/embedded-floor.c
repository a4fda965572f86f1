// embedded-floor [-v] FILE: list-floor, and besides it one pass over every data section where device
// code can be embedded, counting the four magic bytes of a fat binary at any alignment.
#define _GNU_SOURCE
#include "fatbin.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { CHUNK = 1 << 20, OVERLAP = 3 };

static int eligible(const ElfFile *file, unsigned i) {
  const Elf64_Shdr *section = &file->sections[i];
  const char *name = section_name(file, i);
  return section->sh_type == SHT_PROGBITS && (section->sh_flags & SHF_ALLOC) &&
         !(section->sh_flags & SHF_EXECINSTR) && strcmp(name, ".nv_fatbin") &&
         strcmp(name, "__nv_relfatbin") && strcmp(name, ".eh_frame");
}

#ifdef __x86_64__

// Counts 50 ED 55 BA in `size` bytes; the buffer must be readable for 35 bytes past the end.
__attribute__((target("avx2"))) static uint64_t count_magic(const unsigned char *at, size_t size) {
  if (size < 4) return 0;
  const __m256i first = _mm256_set1_epi8(0x50), last = _mm256_set1_epi8((char)0xBA);
  const uint32_t magic = FATBIN_MAGIC;
  size_t starts = size - 3;
  uint64_t count = 0;
  for (size_t i = 0; i < starts; i += 32) {
    __m256i a = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(at + i)), first);
    __m256i b = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(at + i + 3)), last);
    uint32_t hits = _mm256_movemask_epi8(_mm256_and_si256(a, b));
    for (; hits; hits &= hits - 1) {
      size_t hit = i + __builtin_ctz(hits);
      count += hit < starts && !memcmp(at + hit, &magic, 4);
    }
  }
  return count;
}

#else

static uint64_t count_magic(const unsigned char *at, size_t size) {
  const uint32_t magic = FATBIN_MAGIC;
  const unsigned char *end = at + size;
  uint64_t count = 0;
  while ((at = memmem(at, end - at, &magic, 4))) at++, count++;
  return count;
}

#endif

int main(int argc, char **argv) {
  int verbose = argc == 3 && !strcmp(argv[1], "-v");
  if (argc != 2 + verbose) fail("embedded-floor", "usage: embedded-floor [-v] FILE");
  const char *path = argv[argc - 1];
  ElfFile file = open_elf(path);
  Counts counts = walk_fatbin_sections(&file, path);

  static unsigned char buffer[OVERLAP + CHUNK + 64];
  uint64_t bytes = 0, magics = 0;
  for (unsigned i = 0; i < file.count; i++) {
    if (!eligible(&file, i)) continue;
    uint64_t done = 0, size = file.sections[i].sh_size, found = 0;
    size_t kept = 0;
    while (done < size) {
      size_t want = size - done < CHUNK ? size - done : CHUNK;
      read_exactly(file.fd, buffer + kept, want, file.sections[i].sh_offset + done, path);
      found += count_magic(buffer, kept + want);
      done += want;
      size_t tail = kept + want < OVERLAP ? kept + want : OVERLAP;
      memmove(buffer, buffer + kept + want - tail, tail);
      kept = tail;
    }
    if (verbose) printf("%-24s %12lu bytes  %6lu magics\n", section_name(&file, i), size, found);
    bytes += size;
    magics += found;
  }
  printf("fatbins %lu\nimages %lu\nbytes %lu\nmagics %lu\n", counts.fatbins, counts.images, bytes, magics);
}
