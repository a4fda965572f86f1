#ifndef CFUZZCOUNTERS_H
#define CFUZZCOUNTERS_H

/// Tells libFuzzer that `counter`, of 0 to 255, was reached: an input that reaches one which no other did is kept, as one is
/// that reaches new code. Without libFuzzer it does nothing.
void fuzz_counter_reach(unsigned char counter);

#endif
