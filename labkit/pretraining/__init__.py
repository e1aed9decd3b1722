"""Masked-language-model pretraining of a small character-level encoder on a CPU."""
