extern "C" __global__ void image(unsigned *out) { *out = VALUE; }
