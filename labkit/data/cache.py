"""Disk cache of arrays, keyed by content hash and memory-mapped when loaded.

An entry is one safetensors file: named arrays behind a JSON header, written by a library that labkit needs anyway.
(Arrow would be a dependency of 100 MB for columns that are never queried, and a folder of .npy files cannot be renamed
into place at once.) Entries are verified when loaded: one that is truncated, damaged or of another key counts as
missing. Disk errors are logged and never raised; without a disk, everything is recomputed.
"""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from labkit.data.windows import Array
from labkit.paths import atomic_write

MAX_BYTES = 2 * 2**30  # of all entries together; the least recently used ones are evicted
_SUFFIX = ".safetensors"
_TYPES = {"I32": np.int32, "I64": np.int64}

log = logging.getLogger(__name__)


def load(folder: Path, key: str) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """Returns an entry's arrays, mapped read-only, and its facts.

    None if there is no valid entry. Reads the whole entry once for its checksum, at more than 1 GB/s.
    """
    path = folder / f"{key}{_SUFFIX}"
    try:
        arrays, metadata = _map_file(path)
        facts = json.loads(metadata["facts"])
        if metadata["sha256"] != _checksum(key, arrays, metadata["facts"]):
            raise ValueError("its checksum differs")
        with contextlib.suppress(OSError):
            os.utime(path)  # used last: evicted last
        return arrays, facts
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read and is recomputed: %s", path, error)
        return None


def store(folder: Path, key: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Stores an entry.

    Several processes may store the same entry: they write the same content, and the last one stays.

    Args:
        arrays: of int32 or int64.
        facts: values that JSON can hold.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts)
        metadata = {"facts": text, "sha256": _checksum(key, arrays, text)}
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        with atomic_write(folder / f"{key}{_SUFFIX}") as temporary:
            save_file(contiguous, temporary, metadata=metadata)
        _evict(folder)
    except (OSError, SafetensorError) as error:  # a full disk raises either
        log.warning("nothing could be stored in %s: %s", folder, error)


def _map_file(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Maps a safetensors file; returns its arrays and its metadata.

    The format is 8 bytes of length, a JSON header, and the values (https://huggingface.co/docs/safetensors). The
    library is not used, as it copies what it reads into numpy arrays.
    """
    data = np.asarray(np.memmap(path, np.uint8, mode="r"))
    begin = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:begin].tobytes())
    metadata = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        values = data[begin + start : begin + end].view(_TYPES[entry["dtype"]])
        arrays[name] = values.reshape(entry["shape"])  # ValueError if the file is truncated
    return arrays, metadata


def _checksum(key: str, arrays: Mapping[str, Array], facts: str) -> str:
    digest = hashlib.sha256(f"{key}\n{facts}\n".encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _evict(folder: Path) -> None:
    """Evicts the least recently used entries until the rest fits.

    Unfinished files of killed processes count like entries. A process that has mapped a removed entry keeps it until it
    ends.
    """
    files = []
    for path in folder.iterdir():
        if path.suffix in (_SUFFIX, ".part"):
            with contextlib.suppress(OSError):  # removed meanwhile
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
    room = MAX_BYTES
    for _, size, path in sorted(files, reverse=True):
        room -= size
        if room < 0:
            with contextlib.suppress(OSError):
                path.unlink()
