// tar-floor FILE: the least work that lists a tar: the header of every member, by libarchive. Links with -larchive.
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

int main(int count, char **arguments) {
  struct archive *archive = archive_read_new();
  if (count != 2 || archive_read_support_format_tar(archive) != ARCHIVE_OK ||
      archive_read_open_filename(archive, arguments[1], 1 << 16) != ARCHIVE_OK) {
    fprintf(stderr, "tar-floor: %s\n", count == 2 ? archive_error_string(archive) : "one FILE is expected");
    return 2;
  }
  struct archive_entry *entry;
  unsigned long members = 0;
  int result;
  while ((result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) members++;
  if (result != ARCHIVE_EOF) {
    fprintf(stderr, "tar-floor: %s\n", archive_error_string(archive));
    return 2;
  }
  printf("members %lu\n", members);
  return archive_read_free(archive) != ARCHIVE_OK;
}
