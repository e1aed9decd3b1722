"""Versions of what decides how a run goes."""

import functools
import importlib.metadata
import platform
from contextlib import suppress

from labkit import __version__

PACKAGES = ("torch", "transformers", "accelerate", "pytorch-crf", "safetensors", "numpy", "msgspec", "psutil")


@functools.cache
def installed_versions() -> dict[str, str]:
    """Version by name, read without importing any package; one that is not installed is left out."""
    found = {"labkit": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
