__global__ void offset(float *values, float value) { values[threadIdx.x] += value; }
