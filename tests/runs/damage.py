"""Every way in which a file of a run folder may be damaged, whatever did it."""

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG_AGO_S = 3600.0
DEEP = b"[" * 100_000


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _locked(path: Path) -> None:
    path.chmod(0)


def _holds(content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def _deep_inside(path: Path) -> None:
    """In a field that may hold anything."""
    path.write_bytes(b'{"config": ' + DEEP + b"]" * len(DEEP) + b"}\n" + path.read_bytes())


def _not_text_inside(path: Path) -> None:
    """The first string of each line gets a byte that is not UTF-8."""
    path.write_bytes(b"".join(line.replace(b'":"', b'":"\xff', 1) + b"\n" for line in path.read_bytes().splitlines()))


def _each(kinds: type | tuple[type, ...], text: str) -> Callable[[Path], None]:
    """Puts a text in place of each value of some kind, kinds of events apart."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: inner if name == "kind" else changed(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        return "@@" if isinstance(value, kinds) and not isinstance(value, bool) else value

    def damage(path: Path) -> None:
        lines = path.read_text().splitlines()
        try:
            documents = [json.loads(line) for line in lines]
        except ValueError:  # one document of many lines, or no JSON at all
            try:
                documents = [json.loads(path.read_text())]
            except ValueError:
                return
        changed_lines = [json.dumps(changed(document)).replace('"@@"', text) for document in documents]
        path.write_text("".join(line + "\n" for line in changed_lines))

    return damage


_NUMBERS = (int, float)
# Of files that are damaged so, nothing can be read.
UNREADABLE: dict[str, Callable[[Path], None]] = {
    "a folder": _folder,
    "a link to itself": _link_to_itself,
    "empty": _holds(b""),
    "noise": _holds(random.Random(0).randbytes(5000)),
    "not text": _holds(b'{"name":"\xff"}\n'),
    "half a file": _holds(b'{"config": {"corp'),
    "deep": _holds(DEEP),
    "a list": _holds(b"[]\n"),
    "not a number": _holds(b"NaN\n"),
}
WAYS: dict[str, Callable[[Path], None]] = {
    **UNREADABLE,
    "missing": Path.unlink,
    "deep inside": _deep_inside,
    "not text inside": _not_text_inside,
    "strings are lists": _each(str, "[1]"),
    "strings are numbers": _each(str, "5"),
    "numbers are strings": _each(_NUMBERS, '"5"'),
    "numbers of 400 digits": _each(_NUMBERS, "1" + "0" * 400),
    "numbers of 5000 digits": _each(_NUMBERS, "9" * 5000),
    "numbers of 1e308": _each(_NUMBERS, "1e308"),
    "numbers of -1e308": _each(_NUMBERS, "-1e308"),
    "whole numbers of 1e15": _each(_NUMBERS, "1" + "0" * 15),
    "numbers of 1e-300": _each(_NUMBERS, "1e-300"),
    "numbers of 0": _each(_NUMBERS, "0"),
    "numbers of -1": _each(_NUMBERS, "-1"),
    "numbers that are none": _each(_NUMBERS, "NaN"),
    "infinite numbers": _each(_NUMBERS, "Infinity"),
}
if hasattr(os, "geteuid") and os.geteuid():
    WAYS["locked"] = UNREADABLE["locked"] = _locked  # the administrator reads it all the same


def damaged(folder: Path, name: str, way: str) -> Path:
    """Damages a file of a run folder, long ago; the folder has it."""
    path = folder / name
    path.touch()
    WAYS[way](path)
    for each in (*folder.iterdir(), folder):
        os.utime(each, (time.time() - LONG_AGO_S,) * 2, follow_symlinks=False)
    return folder
