// measure COMMAND…: runs a command with its output discarded and prints "status wall-ns peak-KiB cpu-ns", where cpu
// is user and system time of all its threads. A small parent matters: the kernel counts the memory of the process that
// forked into the child's peak.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
  posix_spawn_file_actions_t actions;
  struct timespec start, end;
  struct rusage usage;
  pid_t child;
  int status;
  if (argc < 2) return fputs("usage: measure COMMAND...\n", stderr), 2;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  clock_gettime(CLOCK_MONOTONIC, &start);
  if (posix_spawnp(&child, argv[1], &actions, NULL, argv + 1, environ)) return perror(argv[1]), 2;
  if (wait4(child, &status, 0, &usage) != child) return perror("wait4"), 2;
  clock_gettime(CLOCK_MONOTONIC, &end);
  long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
                  (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
  printf("%d %lld %ld %lld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
         (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec, usage.ru_maxrss, cpu);
}
