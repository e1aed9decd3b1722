"""Corpora and encoders: lookup, download, reading, featurizing and batching."""
