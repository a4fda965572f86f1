__global__ void fill(float *values, float value) { values[threadIdx.x] = value; }
