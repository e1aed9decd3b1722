"""View state of the lab: order, axis, layout and ticks of the table, dismissed advice; stored in `.lab.json`."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from labkit.events import READ_ERRORS
from labkit.paths import atomic_write

VIEW_STATE_FILE = ".lab.json"

log = logging.getLogger(__name__)


class ViewState(msgspec.Struct, frozen=True, kw_only=True):
    """View settings of the lab. They outlive page and kernel."""

    sort_key: str = ""  # of a column; empty keeps the newest on top
    ascending: bool = True
    axis: Literal["", "step", "epoch", "tokens", "seconds"] = ""  # empty if the user chose none
    layout: Literal["side by side", "overlaid"] = "side by side"
    ticked: list[str] = []  # names of run folders, in the order in which they were ticked
    by_train: list[str] = []  # those that the Train button ticked
    more_columns: bool = False
    dismissed: list[str] = []  # rules of advice that the user does not want to hear of again


def read_view_state(runs: Path) -> ViewState:
    """Reads the view state of a folder of runs. Missing or invalid fields get their defaults."""
    try:
        stored = msgspec.json.decode((runs / VIEW_STATE_FILE).read_bytes(), type=dict[str, Any])
    except READ_ERRORS:
        return ViewState()
    valid = {}
    for field in msgspec.structs.fields(ViewState):
        with suppress(KeyError, msgspec.ValidationError):
            valid[field.name] = msgspec.convert(stored[field.name], field.type)
    return ViewState(**valid)


def write_view_state(runs: Path, state: ViewState) -> None:
    """Writes the view state. If the folder cannot be written to, it lasts as long as the lab."""
    try:
        with atomic_write(runs / VIEW_STATE_FILE) as temporary:
            temporary.write_bytes(msgspec.json.encode(state))
    except OSError as error:
        log.debug("no %s in %s: %s", VIEW_STATE_FILE, runs, error)
