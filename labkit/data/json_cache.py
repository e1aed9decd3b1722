"""Small JSON cache in `paths.cache()`; entries that cannot be read are recomputed."""

import json
import logging
from pathlib import Path
from typing import Any

from labkit import paths

log = logging.getLogger(__name__)


def load_json(name: str) -> Any:
    """Returns the value of an entry like `encoders/minilm`, or None if unreadable."""
    path = _path(name)
    try:
        return json.loads(path.read_bytes())
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
            temporary.write_text(json.dumps(value), encoding="utf-8")
    except OSError as error:
        log.warning("nothing could be stored in %s: %s", path.parent, error)


def _path(name: str) -> Path:
    return paths.cache() / f"{name}.json"
