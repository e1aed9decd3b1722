"""Tests of labkit.tuning."""
