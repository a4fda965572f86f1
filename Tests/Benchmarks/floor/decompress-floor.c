// decompress-floor [-j JOBS] FILE: the least work that decompresses all device code: one pread and one call of the
// library per payload of .nv_fatbin and __nv_relfatbin, the largest first, on JOBS threads (all processors unless
// told), each with buffers that it keeps. Links with -lzstd -llz4 -lpthread.
#define _GNU_SOURCE
#include "fatbin.h"

#include <lz4.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zstd.h>

typedef struct {
  uint64_t offset, stored, size, flags;
} Payload;

enum { LZ4_FLAG = 0x2000, OBFUSCATED = 0x10000 };

static Payload *payloads;
static size_t count, capacity;
static atomic_size_t next;
static atomic_ullong total;
static int input;

static void add(uint64_t offset, const unsigned char *entry) {
  Payload payload;
  uint32_t stored, header;
  memcpy(&header, entry + 0x04, 4);
  memcpy(&stored, entry + 0x10, 4);
  memcpy(&payload.flags, entry + 0x28, 8);
  memcpy(&payload.size, entry + 0x38, 8);
  // Not compressed, or nobody's to decompress.
  if (!payload.size || payload.flags & OBFUSCATED) return;
  payload.offset = offset + header;
  payload.stored = stored;
  if (count == capacity) payloads = realloc(payloads, (capacity = capacity ? 2 * capacity : 1024) * sizeof *payloads);
  payloads[count++] = payload;
}

static int larger_first(const void *a, const void *b) {
  uint64_t left = ((const Payload *)a)->size, right = ((const Payload *)b)->size;
  return left < right ? 1 : left > right ? -1 : 0;
}

static void *work(void *unused) {
  (void)unused;
  ZSTD_DCtx *context = ZSTD_createDCtx();
  char *from = NULL, *to = NULL;
  size_t from_size = 0, to_size = 0;
  for (size_t i; (i = atomic_fetch_add(&next, 1)) < count;) {
    const Payload *p = &payloads[i];
    if (p->stored > from_size) from = realloc(from, from_size = p->stored);
    if (p->size > to_size) to = realloc(to, to_size = p->size);
    read_exactly(input, from, p->stored, p->offset, "payload");
    if (p->flags & LZ4_FLAG) {
      if (LZ4_decompress_safe(from, to, p->stored, p->size) != (int)p->size) fail("lz4", "broken payload");
    } else if (ZSTD_decompressDCtx(context, to, p->size, from, p->stored) != p->size) {
      fail("zstd", "broken payload");
    }
    atomic_fetch_add(&total, p->size);
  }
  return NULL;
}

int main(int argc, char **argv) {
  long jobs = sysconf(_SC_NPROCESSORS_ONLN);
  if (argc == 4 && !strcmp(argv[1], "-j")) jobs = atol(argv[2]);
  if ((argc != 2 && argc != 4) || jobs < 1 || jobs > 1024) fail("decompress-floor", "usage: decompress-floor [-j JOBS] FILE");
  const char *path = argv[argc - 1];
  ElfFile file = open_elf(path);
  input = file.fd;
  on_entry = add;
  walk_fatbin_sections(&file, path);
  qsort(payloads, count, sizeof *payloads, larger_first);
  pthread_t threads[1024];
  for (long i = 1; i < jobs; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) fail("pthread_create", "failed");
  work(NULL);
  for (long i = 1; i < jobs; i++) pthread_join(threads[i], NULL);
  printf("payloads %zu\nbytes %llu\n", count, (unsigned long long)total);
}
