"""Hash of the source code of `labkit.data`, part of cache keys."""

import functools
import hashlib
from pathlib import Path


@functools.cache
def hash_source_code() -> str:
    """SHA-256 of the Python files that read and encode, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
