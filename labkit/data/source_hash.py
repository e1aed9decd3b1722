"""Hash of the source code of this room, part of every cache key."""

import functools
import hashlib
from pathlib import Path


@functools.cache
def hash_source_code() -> str:
    """SHA-256 over the Python files that read and encode, in hexadecimal."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
