// Kernels whose names tell what their code must be: guarded_KIND_… has a body from __CUDA_ARCH__ GUARD on and is KIND
// before, always_KIND_… is KIND everywhere.
#include <cassert>
#include <cstdio>

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= GUARD
#define COMPILED 1
#define ELSE(statement)                                        \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;       \
    if (i < n) out[i] = in[i] * in[n - 1 - i] + in[(i * 7) % n];
#else
#define COMPILED 0
#define ELSE(statement) statement
#endif
#ifdef __CUDA_ARCH__
#define ARCHITECTURE __CUDA_ARCH__
#else
#define ARCHITECTURE 0
#endif
#define KERNEL(name) extern "C" __global__ void name
#define GUARDED(name, statement) \
    KERNEL(guarded_##name)(float *out, const float *in, int n) { ELSE(statement) }

// As llama.cpp does it.
[[maybe_unused]] static __device__ void noDeviceCode(const char *file, int line, const char *function, int architecture, const char *list) {
    printf("%s:%d: ERROR: CUDA kernel %s has no device code compatible with CUDA arch %d. It was compiled for: %s\n", file,
           line, function, architecture, list);
    __trap();
}
[[maybe_unused]] static __device__ __noinline__ void noDeviceCodeCalled(const char *file, int line) {
    printf("%s:%d: ERROR: no device code\n", file, line);
    __trap();
}

GUARDED(empty_plain, )
GUARDED(empty_exit, asm volatile("exit;");)
GUARDED(empty_load, if (static_cast<const volatile float *>(in)[n] > 0) return;)
GUARDED(trap_plain, __trap();)
GUARDED(trap_breakpoint, __brkpt();)
GUARDED(trap_condition, if (n > 0) __trap();)
GUARDED(assertion_plain, assert(false);)
// As FlashAttention and the kernels of xformers do it.
GUARDED(print_plain, printf("FATAL: requires building with sm version sm80-sm90, but was built for < 8.0!\n");)
GUARDED(print_numbers, printf("FATAL: kernel %s is for sm80-sm100, but was built for sm%d\n", "k", ARCHITECTURE / 10);)
// As CUTLASS does it.
GUARDED(printAndTrap_plain, printf("ERROR : Arch conditional MMA instruction used without its target. Aborting.\n"); __brkpt();)
GUARDED(printAndTrap_once, if (threadIdx.x == 0 && blockIdx.x == 0) printf("Aborting.\n"); __trap();)
GUARDED(assertion_controlPath, assert(0 && "invalid control path"); printf("invalid control path"); __brkpt();)
GUARDED(printAndTrap_noDeviceCode, noDeviceCode(__FILE__, __LINE__, __func__, ARCHITECTURE, "800,900");)
GUARDED(printAndTrap_called, noDeviceCodeCalled(__FILE__, __LINE__);)

KERNEL(always_empty)() {}
KERNEL(always_trap_check)(int n) { if (n < 0) __trap(); }
KERNEL(always_idle_clock)(long long cycles) {
    const long long start = clock64();
    while (clock64() - start < cycles) {}
}
KERNEL(always_code_word)(int *out) { *out = 1; }
KERNEL(always_code_byte)(char *out) { *out = 1; }
KERNEL(always_code_fill)(float *out, float value, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[i] = value;
}
KERNEL(always_code_assert)(float *out, const float *in, int n) {
    const int i = threadIdx.x;
    assert(i < n);
    out[i] = in[i];
}
KERNEL(always_code_check)(const float *in) { assert(in[0] != 0); }
KERNEL(always_code_errorPath)(int *out, const int *in) {
    if (in[threadIdx.x] < 0) __trap();
    atomicAdd(out, 1);
}
KERNEL(always_code_endsInTrap)(int *out, int n) {
    if (n > 0) {
        out[threadIdx.x] = n;
        return;
    }
    printf("n is %d\n", n);
    __trap();
}
KERNEL(always_code_atomic)(unsigned *counter) { atomicInc(counter, 10); }
KERNEL(always_code_barrier)() { __syncthreads(); }
KERNEL(always_code_print)(const int *in, int n) { printf("%d %d\n", n, in[threadIdx.x]); }
KERNEL(always_code_free)(void *memory) { free(memory); }
__device__ int total;
KERNEL(always_code_variable)() { total = 0; }
__device__ void (*callee)(int);
KERNEL(always_code_pointer)(int n) { callee(n); }
__device__ __noinline__ void store(int *out) {
    *out = 1;
    __syncthreads();
}
KERNEL(always_code_call)(int *out) { store(out); }
// Less work on some targets is no stub.
KERNEL(always_code_less)(float *out, const float *in, int n) {
#if COMPILED
    for (int i = threadIdx.x; i < n; i += 32) out[i] = in[i] * in[n - 1 - i] + in[(i * 7) % n];
#else
    if (threadIdx.x < n) out[threadIdx.x] = in[threadIdx.x];
#endif
}
