"""Matplotlib figures of runs; imports neither ipywidgets nor torch."""
