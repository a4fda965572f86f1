// archive-floor [-z] [-j JOBS] FILE…: the least work that reads archives; a folder stands for the files in it. Of a zip
// archive: 64 bytes of each member, and all of those deflated members that are ELF files, whose tables stand at the end;
// stored ones are free. Of any other file: all bytes with their SHA-256, and what they decompress to where they are a gzip
// or zstd stream. ISA-L inflates, with -z zlib; prefixes are always zlib's, which stops where it is told. The largest first,
// on JOBS threads (all processors unless told). Links with -lisal -lz -lzstd -lnettle -lpthread.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PIECE = 1 << 17, PREFIX = 64 };

typedef struct {
  int fd, is_member;
  uint64_t offset, stored, size;
} Task;

static Task *tasks;
static size_t count, capacity;
static atomic_size_t next;
static atomic_ullong total, elf_files;
static int with_zlib;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "archive-floor: %s: %s\n", what, why);
  exit(2);
}

static size_t read_at(int fd, void *into, size_t size, uint64_t offset) {
  ssize_t done = pread(fd, into, size, offset);
  if (done < 0) fail("pread", "failed");
  return done;
}

static uint64_t number(const unsigned char *bytes, int size) {
  uint64_t value = 0;
  memcpy(&value, bytes, size);
  return value;
}

static void add(Task task) {
  if (count == capacity) tasks = realloc(tasks, (capacity = capacity ? 2 * capacity : 1024) * sizeof *tasks);
  tasks[count++] = task;
}

// Reads the next bytes of a task, at most `piece`; returns how many there were.
static uint32_t refill(const Task *task, uint64_t *done, uint64_t piece, unsigned char *from, struct sha256_ctx *digest) {
  uint64_t left = task->stored - *done;
  uint32_t size = read_at(task->fd, from, left < piece ? left : piece, task->offset + *done);
  *done += size;
  if (digest) sha256_update(digest, size, from);
  return size;
}

// Inflates all of a bare deflate stream, or of one in gzip, into pieces that are thrown away; returns how many bytes came out.
static uint64_t isal_task(const Task *task, int flag, unsigned char *to, struct sha256_ctx *digest) {
  static _Thread_local unsigned char from[PIECE];
  static _Thread_local struct inflate_state stream;
  uint64_t done = 0, made = 0;
  isal_inflate_init(&stream);
  stream.crc_flag = flag;
  while (stream.block_state != ISAL_BLOCK_FINISH) {
    if (!stream.avail_in) {
      stream.avail_in = refill(task, &done, PIECE, from, digest);
      stream.next_in = from;
    }
    uint32_t before = stream.avail_in;
    stream.next_out = to;
    stream.avail_out = PIECE;
    if (isal_inflate(&stream) != ISAL_DECOMP_OK) fail("ISA-L", "corrupt data");
    if (stream.avail_out == PIECE && stream.avail_in == before && stream.block_state != ISAL_BLOCK_FINISH)
      fail("ISA-L", "cut off");
    made += PIECE - stream.avail_out;
  }
  return made;
}

// Inflates at most `limit` bytes into pieces that are thrown away, the last of which stays in `to`; returns how many.
static uint64_t inflate_task(const Task *task, int bits, uint64_t limit, unsigned char *to, struct sha256_ctx *digest) {
  static _Thread_local unsigned char from[PIECE];
  z_stream stream = {0};
  uint64_t done = 0, made = 0;
  int status = Z_OK;
  if (inflateInit2(&stream, bits) != Z_OK) fail("zlib", "no stream");
  // For a prefix, a few hundred bytes are enough.
  uint64_t piece = limit <= PREFIX ? 512 : PIECE;
  while (status == Z_OK && made < limit) {
    if (!stream.avail_in) {
      stream.avail_in = refill(task, &done, piece, from, digest);
      stream.next_in = from;
    }
    uint64_t room = limit - made < PIECE ? limit - made : PIECE;
    stream.next_out = to;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    made += room - stream.avail_out;
  }
  if (status != Z_OK && status != Z_STREAM_END) fail("zlib", "corrupt data");
  inflateEnd(&stream);
  return made;
}

static uint64_t zstd_task(const Task *task, unsigned char *to, struct sha256_ctx *digest) {
  static _Thread_local unsigned char from[PIECE];
  ZSTD_DStream *stream = ZSTD_createDStream();
  uint64_t made = 0;
  for (uint64_t done = 0; done < task->stored;) {
    ZSTD_inBuffer input = {from, read_at(task->fd, from, PIECE, task->offset + done), 0};
    if (!input.size) fail("zstd", "cut off");
    sha256_update(digest, input.size, from);
    done += input.size;
    ZSTD_outBuffer output = {to, PIECE, PIECE};
    while (input.pos < input.size || output.pos == output.size) {
      output.pos = 0;
      if (ZSTD_isError(ZSTD_decompressStream(stream, &output, &input))) fail("zstd", "corrupt data");
      made += output.pos;
    }
  }
  ZSTD_freeDStream(stream);
  return made;
}

static uint64_t digest_task(const Task *task, struct sha256_ctx *digest) {
  static _Thread_local unsigned char from[PIECE];
  for (uint64_t done = 0; done < task->stored;) {
    size_t got = read_at(task->fd, from, PIECE, done);
    if (!got) fail("file", "cut off");
    sha256_update(digest, got, from);
    done += got;
  }
  return task->stored;
}

static void *work(void *unused) {
  (void)unused;
  static _Thread_local unsigned char to[PIECE];
  for (size_t i; (i = atomic_fetch_add(&next, 1)) < count;) {
    const Task *task = &tasks[i];
    unsigned char result[SHA256_DIGEST_SIZE];
    struct sha256_ctx digest;
    sha256_init(&digest);
    uint64_t made;
    if (task->is_member) {
      made = inflate_task(task, -15, task->size < PREFIX ? task->size : PREFIX, to, NULL);
      if (made >= 4 && !memcmp(to, "\177ELF", 4)) {
        atomic_fetch_add(&elf_files, 1);
        made = with_zlib ? inflate_task(task, -15, task->size, to, NULL) : isal_task(task, ISAL_DEFLATE, to, NULL);
      }
    } else {
      read_at(task->fd, to, 4, 0);
      if (number(to, 2) == 0x8b1f)
        made = with_zlib ? inflate_task(task, 31, UINT64_MAX, to, &digest) : isal_task(task, ISAL_GZIP, to, &digest);
      else if (number(to, 4) == ZSTD_MAGICNUMBER) made = zstd_task(task, to, &digest);
      else made = digest_task(task, &digest);
      sha256_digest(&digest, sizeof result, result);
    }
    atomic_fetch_add(&total, made);
  }
  return NULL;
}

// The deflated members of a zip archive; sizes past 4 GiB are not needed here.
static void add_zip(int fd, uint64_t size, const char *path) {
  unsigned char end[22], local[30];
  read_at(fd, end, sizeof end, size - sizeof end);
  if (memcmp(end, "PK\5\6", 4)) fail(path, "no directory at its end");
  uint64_t length = number(end + 12, 4), offset = number(end + 16, 4);
  unsigned char *directory = malloc(length);
  read_at(fd, directory, length, offset);
  for (unsigned char *at = directory; at < directory + length;) {
    uint64_t stored = number(at + 20, 4), local_offset = number(at + 42, 4);
    if (stored == UINT32_MAX || local_offset == UINT32_MAX) fail(path, "zip64");
    if (number(at + 10, 2) == 8) {
      read_at(fd, local, sizeof local, local_offset);
      uint64_t data = local_offset + sizeof local + number(local + 26, 2) + number(local + 28, 2);
      add((Task){fd, 1, data, stored, number(at + 24, 4)});
    }
    at += 46 + number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2);
  }
  free(directory);
}

static int larger_first(const void *a, const void *b) {
  uint64_t left = ((const Task *)a)->stored, right = ((const Task *)b)->stored;
  return left < right ? 1 : left > right ? -1 : 0;
}

static void add_file(int folder, const char *path) {
  struct stat status;
  unsigned char start[4] = {0};
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status)) fail(path, "cannot be opened");
  read_at(fd, start, 4, 0);
  if (!memcmp(start, "PK\3\4", 4)) add_zip(fd, status.st_size, path);
  else add((Task){fd, 0, 0, status.st_size, 0});
}

int main(int argc, char **argv) {
  long jobs = sysconf(_SC_NPROCESSORS_ONLN);
  for (int option; (option = getopt(argc, argv, "zj:")) != -1;) {
    if (option == 'j') jobs = atol(optarg);
    else with_zlib = option == 'z';
  }
  if (optind >= argc || jobs < 1 || jobs > 1024) fail("usage", "archive-floor [-z] [-j JOBS] FILE...");
  for (int i = optind; i < argc; i++) {
    DIR *folder = opendir(argv[i]);
    if (!folder) {
      add_file(AT_FDCWD, argv[i]);
      continue;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
      if (entry->d_type == DT_REG) add_file(dirfd(folder), entry->d_name);
  }
  qsort(tasks, count, sizeof *tasks, larger_first);
  pthread_t threads[1024];
  for (long i = 1; i < jobs; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) fail("pthread_create", "failed");
  work(NULL);
  for (long i = 1; i < jobs; i++) pthread_join(threads[i], NULL);
  printf("tasks %zu\nelf %llu\nbytes %llu\n", count, (unsigned long long)elf_files, (unsigned long long)total);
}
