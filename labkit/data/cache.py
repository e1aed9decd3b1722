"""Arrays on disk under a key that names all they were made of, mapped into memory when they are wanted again.

An entry is one safetensors file: named arrays behind a JSON header, written and checked by a library that labkit needs
anyway. (Arrow would bring a dependency of 100 MB for columns that are never queried, and a folder of .npy files cannot
be renamed into place at once.) What is read is never trusted: an entry that is cut off, damaged or of another key
counts as missing. Nothing here raises for want of a disk; without one, everything is made anew.
"""

import contextlib
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from labkit.data.windows import Array

MAX_BYTES = 2 * 2**30  # of all entries together; those not used for longest go first
_ENDING = ".safetensors"
_STALE_S = 24 * 3600  # an unfinished file so old was left by a process that was killed
_TYPES = {"I32": np.int32, "I64": np.int64}

log = logging.getLogger(__name__)


def load(folder: Path, key: str) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """The arrays, mapped read-only, and the facts of an entry; None where there is none that can be trusted.

    Reads the whole entry once for its checksum, at more than 1 GB/s.
    """
    path = folder / f"{key}{_ENDING}"
    try:
        arrays, told = _map_file(path)
        facts = json.loads(told["facts"])
        if told["sha256"] != _checksum(key, arrays, told["facts"]):
            raise ValueError("its checksum differs")
        with contextlib.suppress(OSError):
            os.utime(path)  # used last: evicted last
        return arrays, facts
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is not used and made anew: %s", path, error)
        return None


def store(folder: Path, key: str, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Writes an entry aside and renames it into place: of several writers the last one stays, and any is right.

    Args:
        arrays: of int32 or int64.
        facts: what JSON can hold.
    """
    aside = folder / f".{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts)
        told = {"facts": text, "sha256": _checksum(key, arrays, text)}
        save_file({name: np.ascontiguousarray(each) for name, each in arrays.items()}, aside, metadata=told)
        os.replace(aside, folder / f"{key}{_ENDING}")
        _evict(folder)
    except (OSError, SafetensorError) as error:  # a full disk arrives as either
        log.warning("nothing could be kept in %s: %s", folder, error)
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _map_file(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """A file's arrays and its metadata. The format is 8 bytes of length, a JSON header, and the values.

    (https://huggingface.co/docs/safetensors; the library itself copies what it reads into numpy arrays.)
    """
    whole = np.memmap(path, np.uint8, mode="r")
    begin = 8 + int.from_bytes(whole[:8].tobytes(), "little")
    if begin > len(whole):
        raise ValueError("it is cut off")
    header = json.loads(whole[8:begin].tobytes())
    told = header.pop("__metadata__")
    arrays = {}
    for name, about in header.items():
        start, end = about["data_offsets"]
        if begin + end > len(whole):
            raise ValueError("it is cut off")
        values = np.asarray(whole)[begin + start : begin + end]
        arrays[name] = values.view(_TYPES[about["dtype"]]).reshape(about["shape"])
    return arrays, told


def _checksum(key: str, arrays: Mapping[str, Array], facts: str) -> str:
    found = hashlib.sha256(f"{key}\n{facts}\n".encode())
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        found.update(np.ascontiguousarray(arrays[name]).data)
    return found.hexdigest()


def _evict(folder: Path) -> None:
    """Removes what was used longest ago until the rest fits. A process that has it mapped keeps it until it ends."""
    room = MAX_BYTES
    for used, size, path in sorted(_entries(folder), reverse=True):
        room -= size
        if room < 0 or (path.suffix == ".part" and time.time() - used > _STALE_S):
            with contextlib.suppress(OSError):
                path.unlink()


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was used last, its bytes and its path; unfinished ones count as in use."""
    for path in folder.iterdir():
        if path.suffix in (_ENDING, ".part"):
            with contextlib.suppress(OSError):  # gone meanwhile
                about = path.stat()
                yield about.st_mtime, about.st_size, path
