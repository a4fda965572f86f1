#ifndef CTOML_H
#define CTOML_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a TOML document holds, or why it cannot be read.
struct ctoml_document {
  /// The values as a JSON document, in which dates and times are strings, and numbers that JSON has no word for too. To be
  /// released with `free`; NULL where the text is no TOML.
  char *json;
  size_t length;
  /// Why the text is no TOML, and where, counted from 1. The text is to be released with `free`; NULL where `json` is not, and
  /// where memory is short.
  char *error;
  unsigned line, column;
};

/// Whether the program was built with toml++, so that it reads TOML at all.
int ctoml_is_available(void);

/// Reads a TOML document, which is UTF-8.
struct ctoml_document ctoml_read(const char *text, size_t length);

#ifdef __cplusplus
}
#endif

#endif
