"""BERT encoder written for speed on CPUs: fused layers, packed batches, flat parameters."""
