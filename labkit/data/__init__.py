"""Corpora and encoders: what is trained on, and what training starts from."""
