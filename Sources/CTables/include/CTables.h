#ifndef CTABLES_H
#define CTABLES_H

#include <stddef.h>

/// Copies the table of surveyed packages, `surveyed.ndjson`, to `bytes`, which must have room for `ctables_surveyed_size`
/// bytes.
void ctables_copy_surveyed(unsigned char *bytes);

/// Bytes of that table.
size_t ctables_surveyed_size(void);

#endif
