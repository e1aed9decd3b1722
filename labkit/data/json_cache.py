"""Small JSON cache in `paths.cache()`; entries that cannot be read are ignored and recomputed."""

import contextlib
import json
import logging
import os
import uuid
from pathlib import Path
from typing import Any

from labkit import paths

log = logging.getLogger(__name__)


def load_json(name: str) -> Any:
    """The value under a name such as `encoders/minilm`; None where there is none that can be read."""
    path = _path(name)
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s is not used and made anew: %s", path, error)
        return None


def store_json(name: str, value: Any) -> None:
    """Keeps a value; written aside and renamed. Where that is not possible, it is found out again next time."""
    path = _path(name)
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(value), encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        log.warning("nothing could be kept in %s: %s", path.parent, error)
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return paths.cache() / f"{name}.json"
