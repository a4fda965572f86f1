// A CUDA driver that answers from a script, for the tests of Tests/Hardware/run.
//
// The file that CUBINSPECT_FAKE_DRIVER names has one line per answer: case, API, stage and number, separated by tabs. The
// stage `done` gives the number that the kernel stores, `crash` ends the process, any other stage names the call that
// fails with that error. A case without a line is not supported (801). The lines of the case `device` describe the GPU.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *api = "module";
static uint32_t memory;

// The last argument of this process: the case that it asks.
static const char *question(void) {
  static char arguments[1 << 16];
  FILE *file = fopen("/proc/self/cmdline", "rb");
  size_t size = file ? fread(arguments, 1, sizeof arguments - 1, file) : 0;
  size_t start = size > 0 ? size - 1 : 0;
  while (start > 0 && arguments[start - 1] != 0) start--;
  if (file) fclose(file);
  return arguments + start;
}

// Finds the line of a case and an API; nothing changes where there is none.
static int find(const char *name, const char *which, char stage[64], char number[256]) {
  const char *path = getenv("CUBINSPECT_FAKE_DRIVER");
  FILE *file = path ? fopen(path, "r") : NULL;
  char line[1024], own[512], ownAPI[64];
  int found = 0;
  while (file && !found && fgets(line, sizeof line, file)) {
    char a[64], b[256];
    if (sscanf(line, "%511[^\t]\t%63[^\t]\t%63[^\t]\t%255[^\n]", own, ownAPI, a, b) != 4) continue;
    found = strcmp(own, name) == 0 && strcmp(ownAPI, which) == 0;
    if (found) strcpy(stage, a), strcpy(number, b);
  }
  if (file) fclose(file);
  return found;
}

static int fact(const char *name) {
  char stage[64], number[256] = "0";
  find("device", name, stage, number);
  return atoi(number);
}

// What the call of `stage` returns for the case at hand.
static int reply(const char *stage) {
  char scripted[64] = "load", number[256] = "801";
  find(question(), api, scripted, number);
  if (strcmp(scripted, "crash") == 0) raise(SIGKILL);
  if (strcmp(scripted, "done") == 0) memory = strtoul(number, NULL, 10);
  return strcmp(scripted, stage) == 0 ? atoi(number) : 0;
}

int cuInit(unsigned flags) { return fact("init"); }
int cuDeviceGetCount(int *count) { return *count = fact("count"), 0; }
int cuDriverGetVersion(int *version) { return *version = fact("cuda"), 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  return *value = fact(attribute == 75 ? "major" : "minor"), 0;
}
int cuDeviceGetName(char *name, int size, int device) {
  char stage[64], number[256] = "no name";
  find("device", "name", stage, number);
  return snprintf(name, size, "%s", number), 0;
}
int cuGetErrorName(int error, const char **name) {
  *name = error == 209 ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : NULL;
  return *name ? 0 : 1;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { return reply("prepare"); }
int cuCtxSetCurrent(void *context) { return 0; }
int cuMemAlloc_v2(uint64_t *address, size_t size) { return *address = (uint64_t)(uintptr_t)&memory, 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { return memcpy((void *)(uintptr_t)to, from, size), 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { return memcpy(to, (void *)(uintptr_t)from, size), 0; }
int cuModuleLoadData(void **module, const void *image) { return reply("load"); }
int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  if (count == 2 && options[0] == 5) strcpy(values[0], "what the compiler says");
  return 801;
}
int cuModuleGetFunction(void **function, void *module, const char *name) { return strcmp(name, "image") ? 500 : reply("function"); }
#ifndef OLD
int cuLibraryLoadData(void **library, const void *image, void *a, void *b, unsigned c, void *d, void *e, unsigned f) {
  api = "library";
  return a || b || c || d || e || f ? 1 : reply("load");
}
int cuLibraryGetKernel(void **kernel, void *library, const char *name) { return strcmp(name, "image") ? 500 : 0; }
int cuKernelGetFunction(void **function, void *kernel) { return reply("function"); }
#endif
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned blockX, unsigned blockY, unsigned blockZ,
                   unsigned shared, void *stream, void **arguments, void **extra) {
  int error = x * y * z * blockX * blockY * blockZ == 1 && *(uint64_t *)arguments[0] == (uint64_t)(uintptr_t)&memory ? 0 : 1;
  return error ? error : reply("launch");
}
int cuCtxSynchronize(void) { return 0; }
