"""Numbers of runs: none is given twice, whatever is deleted."""

import re
from contextlib import suppress
from pathlib import Path

NUMBERS = ".numbers"  # one a line, appended, so that several who submit need not wait for each other


def number_of(folder: Path) -> int:
    """12 for `run-0012`; 0 for any other name."""
    match = re.fullmatch(r"run-(\d+)", folder.name)
    return int(match[1]) if match else 0


def highest_given(runs: Path) -> int:
    """The highest number that was noted in a folder of runs; 0 where there is none."""
    with suppress(OSError):
        return max(map(int, re.findall(rb"^\d{1,9}$", (runs / NUMBERS).read_bytes(), re.MULTILINE)), default=0)
    return 0


def note_given(runs: Path, number: int) -> None:
    """Remembers a number; where that cannot be written, only the folders that are there tell."""
    with suppress(OSError), open(runs / NUMBERS, "ab", buffering=0) as file:
        file.write(b"\n%d\n" % number)  # what a full disk has torn stands on a line of its own
