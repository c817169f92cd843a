"""Numba kernels on plain arrays, one file a family; numpy and numba only."""
