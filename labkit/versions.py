"""Versions of Python and of the packages that decide a run's result."""

import functools
import importlib.metadata
import platform
from contextlib import suppress

from labkit import __version__

PACKAGES = ("torch", "transformers", "accelerate", "pytorch-crf", "safetensors", "numpy", "msgspec", "psutil")


@functools.cache
def installed_versions() -> dict[str, str]:
    """Versions by package, read without importing any; missing packages are left out."""
    versions = {"labkit": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
