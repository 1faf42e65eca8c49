"""The exact solver of spike times, for CPUs in C and for CUDA devices in Triton."""
