"""Fast BERT encoder for CPUs: fused layers, packed batches, flat parameters, subset embedding."""
