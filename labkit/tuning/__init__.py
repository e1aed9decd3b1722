"""Advice on runs: what is the matter, and what to turn next."""
