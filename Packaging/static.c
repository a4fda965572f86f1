/* What the C library and the Swift runtime would look up in other files when the program runs. One that is linked
   statically must not need them: where it runs there may be no /proc, and the modules of another C library. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <iconv.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The Swift runtime looks for parts of itself that a debugger or a sanitizer may have loaded. There are none. */
void *dlopen(const char *file, int mode) { return NULL; }
void *dlsym(void *handle, const char *name) { return NULL; }

/* SwiftPM names the main function after the product. The Swift runtime reads the arguments from /proc: the linker takes
   this in the place of what does. */
int cubinspect_main(int count, char **values);

static int argument_count;
static char **arguments;

char **__wrap__swift_stdlib_getUnsafeArgvArgc(int *count) {
  *count = argument_count;
  return arguments;
}

int main(int count, char **values) {
  argument_count = count;
  arguments = values;
  return cubinspect_main(count, values);
}

/* The Swift runtime asks where the program is when it starts, and ends it where /proc is not mounted: the kernel says that
   in another way too. The linker takes this in the place of readlink. */
ssize_t __real_readlink(const char *path, char *target, size_t size);

ssize_t __wrap_readlink(const char *path, char *target, size_t size) {
  ssize_t length = __real_readlink(path, target, size);
  const char *program = (const char *)getauxval(AT_EXECFN);
  if (length >= 0 || errno != ENOENT || program == NULL || strcmp(path, "/proc/self/exe") != 0) return length;
  length = strnlen(program, size);
  memcpy(target, program, length);
  return length;
}

/* Users and groups come from modules of the name service. Foundation can ask for them, and nothing here makes it. */
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result) {
  *result = NULL;
  return 0;
}

int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **result) {
  *result = NULL;
  return 0;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **result) {
  *result = NULL;
  return 0;
}

int getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size, struct group **result) {
  *result = NULL;
  return 0;
}

/* Conversions of character sets come from modules too. libarchive asks for one, from UTF-8 to the character set of the
   locale, which is ASCII because the program sets none: it takes ASCII, and for the rest the bytes as they are. */
static const char *const sets[] = {"UTF-8", "ANSI_X3.4-1968"};

iconv_t iconv_open(const char *to, const char *from) {
  for (size_t pair = 0; pair < 2; pair++) {
    if (strcasecmp(from, sets[pair]) == 0 && strcasecmp(to, sets[1 - pair]) == 0) return (iconv_t)sets;
  }
  errno = EINVAL;
  return (iconv_t)-1;
}

size_t iconv(iconv_t converter, char **input, size_t *left, char **output, size_t *room) {
  if (input == NULL || *input == NULL) return 0;
  for (; *left > 0; ++*input, --*left, --*room) {
    if ((unsigned char)**input > 0x7F) {
      errno = EILSEQ;
      return (size_t)-1;
    }
    if (*room == 0) {
      errno = E2BIG;
      return (size_t)-1;
    }
    *(*output)++ = **input;
  }
  return 0;
}

int iconv_close(iconv_t converter) { return 0; }
