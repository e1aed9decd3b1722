"""Readings of GPUs and CPUs; the only room that imports pynvml."""
