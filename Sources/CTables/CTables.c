#include "CTables.h"

#include <string.h>

// In C because the Swift compiler takes minutes for a literal of a million bytes.
#pragma clang diagnostic ignored "-Wc23-extensions"
static const unsigned char surveyed[] = {
#embed "surveyed.ndjson"
};

void ctables_copy_surveyed(unsigned char *bytes) { memcpy(bytes, surveyed, sizeof surveyed); }

size_t ctables_surveyed_size(void) { return sizeof surveyed; }
