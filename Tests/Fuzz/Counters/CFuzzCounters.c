#include "CFuzzCounters.h"

// libFuzzer reads what lies in this section after every run, and clears it before the next.
__attribute__((section("__libfuzzer_extra_counters"), used)) static unsigned char counters[256];

void fuzz_counter_reach(unsigned char counter) { counters[counter] = 1; }
