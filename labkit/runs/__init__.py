"""Runs: the run folder, one run read from its events, the store of all runs, and their comparison."""
