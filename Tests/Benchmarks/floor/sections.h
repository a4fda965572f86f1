// The least reading of an ELF file's section table that the floors share.
#ifndef FLOOR_SECTIONS_H
#define FLOOR_SECTIONS_H

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  int fd;
  unsigned count;
  Elf64_Shdr *sections;
  char *names;
} ElfFile;

static void fail(const char *path, const char *what) {
  fprintf(stderr, "%s: %s\n", path, what);
  exit(2);
}

static void read_exactly(int fd, void *into, size_t size, off_t offset, const char *path) {
  if (pread(fd, into, size, offset) != (ssize_t)size) fail(path, "short read");
}

static ElfFile open_elf(const char *path) {
  Elf64_Ehdr header;
  ElfFile file = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail(path, "cannot open");
  read_exactly(file.fd, &header, sizeof header, 0, path);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum)
    fail(path, "not a 64-bit ELF file with sections");
  file.count = header.e_shnum;
  file.sections = malloc(file.count * sizeof(Elf64_Shdr));
  read_exactly(file.fd, file.sections, file.count * sizeof(Elf64_Shdr), header.e_shoff, path);
  Elf64_Shdr strings = file.sections[header.e_shstrndx];
  file.names = calloc(1, strings.sh_size + 1);
  read_exactly(file.fd, file.names, strings.sh_size, strings.sh_offset, path);
  for (unsigned i = 0; i < file.count; i++)
    if (file.sections[i].sh_name > strings.sh_size) fail(path, "section name outside its table");
  return file;
}

static const char *section_name(const ElfFile *file, unsigned i) {
  return file->names + file->sections[i].sh_name;
}

#endif
