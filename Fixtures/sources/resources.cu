// One kernel per resource that a cubin states: shared memory, stack, many parameters, constants, a call.
__constant__ float table[64];

struct Large { float values[200]; };

__global__ void shared_memory(float *values) {
    __shared__ float tile[300];
    tile[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = tile[299 - threadIdx.x];
}

__global__ void stack(float *values, int index) {
    float scratch[256];
    #pragma unroll 1
    for (int i = 0; i < 256; ++i) scratch[(int)values[i] & 255] = values[i];
    values[0] = scratch[index & 255];
}

__global__ void parameters(float *values, Large large, char last) { values[0] = large.values[last] + table[last]; }

template <typename Value, int count> __global__ void generic(Value *values) {
    for (int i = 0; i < count; ++i) values[i] += values[i + count];
}
template __global__ void generic<double, 3>(double *);

__device__ __noinline__ float slow(float value, int times) { return times == 0 ? value : slow(value * value + 1, times - 1); }
namespace space { __global__ void calls(float *values, int times) { values[0] = slow(values[0], times); } }
