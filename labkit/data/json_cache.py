"""Small JSON cache in `paths.cache()`; entries that cannot be read are recomputed."""

import logging
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from labkit import paths
from labkit.messages import decode_hook, encode_hook

T = TypeVar("T")

log = logging.getLogger(__name__)


def load_json(name: str, form: type[T]) -> T | None:
    """Returns the value of an entry like `encoders/minilm`; None if it cannot be read as this type."""
    path = _path(name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=form, dec_hook=decode_hook)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read and is recomputed: %s", path, error)
        return None


def store_json(name: str, value: Any) -> None:
    """Stores a value. If that is not possible, it is logged, and the value is recomputed next time."""
    path = _path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with paths.atomic_write(path) as temporary:
            temporary.write_bytes(msgspec.json.encode(value, enc_hook=encode_hook))
    except OSError as error:
        log.warning("nothing could be stored in %s: %s", path.parent, error)


def _path(name: str) -> Path:
    return paths.cache() / f"{name}.json"
