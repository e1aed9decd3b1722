"""Pretraining a small character-level encoder by masked language modelling, on a CPU, within a given time."""
