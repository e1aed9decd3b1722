"""Order, axis, layout and ticks of the table of runs, kept beside the runs in `.lab.json`."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from labkit.events import READ_ERRORS
from labkit.runs.folder import write_atomically

VIEW_STATE_FILE = ".lab.json"

log = logging.getLogger(__name__)


class ViewState(msgspec.Struct, frozen=True, kw_only=True):
    """What a user has set in the table of runs and their comparison; outlives page and kernel."""

    sort_key: str = ""  # of a column; empty keeps the newest on top
    ascending: bool = True
    axis: Literal["", "step", "epoch", "tokens", "seconds"] = ""  # empty where nobody chose one
    layout: Literal["side by side", "overlaid"] = "side by side"
    ticked: list[str] = []  # names of run folders, in the order in which they were ticked
    by_train: list[str] = []  # those of them that Train ticked by itself


def read_view_state(runs: Path) -> ViewState:
    """Those of that folder of runs; what is missing or cannot be meant is as if nobody had chosen it."""
    try:
        told = msgspec.json.decode((runs / VIEW_STATE_FILE).read_bytes(), type=dict[str, Any])
    except READ_ERRORS:
        return ViewState()
    meant = {}
    for field in msgspec.structs.fields(ViewState):
        with suppress(KeyError, msgspec.ValidationError):
            meant[field.name] = msgspec.convert(told[field.name], field.type)
    return ViewState(**meant)


def write_view_state(runs: Path, state: ViewState) -> None:
    """Written aside and renamed; where the folder cannot be written to, they last as long as the lab."""
    try:
        write_atomically(runs / VIEW_STATE_FILE, msgspec.json.encode(state))
    except OSError as error:
        log.debug("no %s in %s: %s", VIEW_STATE_FILE, runs, error)
