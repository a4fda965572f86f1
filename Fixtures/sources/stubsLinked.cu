// As stubs.cu, where the functions lie in another unit.
#include <cstdio>
__device__ void elsewhere(int *out);
extern "C" __global__ void always_code_elsewhere(int *out) { elsewhere(out); }
extern "C" __global__ void always_code_printElsewhere(int *out) {
    printf("hello\n");
    elsewhere(out);
}
extern "C" __global__ void always_printAndTrap_here() {
    printf("ERROR: no device code\n");
    __trap();
}
extern "C" __global__ void always_trap_here() { __trap(); }
