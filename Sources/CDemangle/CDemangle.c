// libiberty's demangler behind limits. It has none on time: names of a hundred bytes keep it busy for ever, parsing or
// printing, without any output. So it runs on a thread that can be cancelled while it is inside the demangler. There
// it holds nothing: with a callback, it allocates nothing and takes no lock.

#define _GNU_SOURCE
#include "CDemangle.h"

#include <libiberty/demangle.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  longest_name = 16 << 10,
  longest_output = 64 << 10,
  most_lost_names = 4,
  /// For the longest name: 1 MiB of components, 3 MiB of recursion, and `most_scope_bytes`. Untouched pages cost nothing.
  stack_size = 64 << 20,
  most_scope_bytes = 32 << 20,
};

static const long long nanoseconds_per_name = 250 * 1000 * 1000;

struct job {
  const char *const *mangled;
  char **demangled;
  size_t count;
  /// Names before this one are done.
  atomic_size_t next;
  jmp_buf overflow;
  size_t length;
  char output[longest_output + 1];
};

static void append(const char *text, size_t length, void *opaque) {
  struct job *job = opaque;
  if (length > longest_output - job->length) longjmp(job->overflow, 1);
  memcpy(job->output + job->length, text, length);
  job->length += length;
}

/// Whether the name is short, and the arrays of scopes fit the stack.
///
/// The printer puts (templates × references to template parameters) × 16 bytes on it, and counts each at most twice.
static int is_acceptable(const char *name) {
  size_t length = 0, templates = 0, references = 0;
  for (; name[length] != '\0'; length++) {
    if (length == longest_name) return 0;
    char byte = name[length], next = name[length + 1];
    templates += byte == 'I' || byte == 'J';
    references += (byte == 'R' || byte == 'O') && (next == 'T' || next == 'S');
  }
  return name[0] == '_' && name[1] == 'Z' && 2 * templates * 2 * references * 16 <= most_scope_bytes;
}

/// Whether `job->output` now holds `job->length` bytes of a demangled name.
static int demangle(struct job *job, const char *name) {
  job->length = 0;
  // The limit on recursion would refuse names of more than 1,024 bytes.
  int options = DMGL_PARAMS | DMGL_ANSI | DMGL_NO_RECURSE_LIMIT;
  return setjmp(job->overflow) == 0 && cplus_demangle_v3_callback(name, options, append, job);
}

static void *work(void *opaque) {
  struct job *job = opaque;
  for (size_t index; (index = atomic_load(&job->next)) < job->count; atomic_store(&job->next, index + 1)) {
    const char *name = job->mangled[index];
    if (!is_acceptable(name)) continue;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    int done = demangle(job, name);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
    if (done) job->demangled[index] = strndup(job->output, job->length);
  }
  return NULL;
}

static long long nanoseconds(clockid_t clock) {
  struct timespec time;
  return clock_gettime(clock, &time) == 0 ? time.tv_sec * 1000000000LL + time.tv_nsec : 0;
}

/// Waits until the thread ends; returns 0 where it had to be cancelled.
static int finish(pthread_t thread, struct job *job) {
  // The processor time of the thread, so that a busy machine loses no names.
  clockid_t clock;
  if (pthread_getcpuclockid(thread, &clock) != 0) clock = CLOCK_MONOTONIC;
  size_t last = atomic_load(&job->next);
  long long start = nanoseconds(clock);
  for (;;) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += nanoseconds_per_name / 4;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    if (pthread_timedjoin_np(thread, NULL, &deadline) == 0) return 1;
    size_t next = atomic_load(&job->next);
    long long now = nanoseconds(clock);
    if (next != last) {
      last = next;
      start = now;
    } else if (now - start >= nanoseconds_per_name) {
      pthread_cancel(thread);
      pthread_join(thread, NULL);
      return 0;
    }
  }
}

int cdemangle(const char *const *mangled, char **demangled, size_t count) {
  memset(demangled, 0, count * sizeof *demangled);
  struct job *job = malloc(sizeof *job);
  pthread_attr_t attributes;
  if (job == NULL || pthread_attr_init(&attributes) != 0) {
    free(job);
    return 0;
  }
  pthread_attr_setstacksize(&attributes, stack_size);
  job->mangled = mangled;
  job->demangled = demangled;
  job->count = count;
  atomic_init(&job->next, 0);
  int has_thread = 1;
  for (int lost = 0; lost < most_lost_names && atomic_load(&job->next) < count; lost++) {
    pthread_t thread;
    has_thread = pthread_create(&thread, &attributes, work, job) == 0;
    if (!has_thread || finish(thread, job)) break;
    atomic_fetch_add(&job->next, 1);
  }
  pthread_attr_destroy(&attributes);
  free(job);
  return has_thread;
}
