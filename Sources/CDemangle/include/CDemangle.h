#ifndef CDEMANGLE_H
#define CDEMANGLE_H

#include <stddef.h>

/// Demangles names of the Itanium C++ ABI on a thread with a stack of its own.
///
/// `demangled[i]` becomes the demangled form of `mangled[i]`, to be released with `free`, or NULL where `mangled[i]`
/// is no such name, is longer than 16 KiB, gives more than 64 KiB, or takes more than a quarter of a second. After
/// four names that take that long, the rest stay NULL.
///
/// Returns 0 where the system gave no thread, so that names stay NULL that could be demangled.
int cdemangle(const char *const *mangled, char **demangled, size_t count);

#endif
