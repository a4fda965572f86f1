// list-floor FILE: the least work that lists device code by its headers: one pread per header.
#include "fatbin.h"

int main(int argc, char **argv) {
  if (argc != 2) fail("list-floor", "usage: list-floor FILE");
  ElfFile file = open_elf(argv[1]);
  Counts counts = walk_fatbin_sections(&file, argv[1]);
  printf("fatbins %lu\nimages %lu\n", counts.fatbins, counts.images);
}
