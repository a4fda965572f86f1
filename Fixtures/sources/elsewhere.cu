#include <cstdio>
__device__ void elsewhere(int *out) {
    *out = 1;
    printf("elsewhere\n");
    __syncthreads();
}
