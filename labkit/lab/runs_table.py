"""Runs table: sortable, selectable widget whose rows are patched in place (anywidget)."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from labkit.messages import N_

ACTIONS = ("show", "use", "rename", "note", "delete")
SCRIPT_TEXTS = N_(
    (  # fixed texts of runs_table.js
        "No runs yet. Set the sliders and press Train.",
        "select all runs",
        "show above",
        "select",
        "sort by",
        "use these settings",
        "rename",
        "write a note",
        "delete",
        "delete?",
        "yes",
        "no",
        "stop the run before deleting it",
        "note",
        "name",
    )
)
OnAction = Callable[[str, str, str], None]


class RunsTable(anywidget.AnyWidget):
    """Table widget with one row a run, made of plain JSON values.

    A column is `{key, label, kind, align?, help?, best?, within?, zero?}`. Kinds: `name` (with the run's colour, its
    note and the buttons), `state`, `text`, `number`, `integer`, `score`, `rate`, `duration` (seconds), `time` (Unix
    seconds). `align` is `left`, `center` or `right`; `best` is `high` or `low` and sets the sort order of the first
    click; rows are sorted only among those with the same value in the column `within`; `zero` is what 0 reads as.

    A row is `{id, colour: [light, dark], state, best: [keys of the columns it is best in], note?, <key>: value…}`;
    `None` and numbers that are not finite are shown as a dash and sort last. A row must not be changed after it was
    set: the same dict again means that nothing in it is new, and it is not compared.

    `shown` is the id of the run that the page shows; `selected` holds ids of ticked rows; `sort` is
    `{"key": …, "ascending": …}`, where an empty key keeps the order of `rows`; `theme` is that of the page, `light` or
    `dark`. `words` maps the table's fixed texts and text cells from English to the current language; texts not in it
    are shown unchanged.
    """

    # As texts: given a path, anywidget keeps every widget alive, to reload it when the file changes.
    _esm = Path(__file__).with_name("runs_table.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("runs_table.css").read_text(encoding="utf-8")

    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)  # of dicts; checked below, without those checked before
    shown = traitlets.Unicode().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sort = traitlets.Dict(default_value={"key": "", "ascending": True}).tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    theme = traitlets.Enum(("light", "dark"), default_value="light").tag(sync=True)

    def __init__(self, **traits: Any):
        self._callbacks: list[OnAction] = []
        self._checked: list[dict[str, Any]] = []  # current rows; held, so that no other object gets the id() of one
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def on_action(self, callback: OnAction) -> None:
        """Call back with (kind, id, text) after each action.

        The text is the new name or note, and empty for the other actions.
        """
        self._callbacks.append(callback)

    def notify_change(self, change: Any) -> None:
        """Send changes to the page; of rows only the changed ones.

        A thousand rows are too many to send four times a second.
        """
        if change["name"] != "rows" or getattr(self, "comm", None) is None or not isinstance(change["old"], list):
            super().notify_change(change)
            return
        self.send(make_patch(change["old"], change["new"]))
        traitlets.HasTraits.notify_change(self, change)

    @traitlets.validate("rows")
    def _check_rows(self, proposal: Any) -> list[dict[str, Any]]:
        checked = {id(row) for row in self._checked}
        rows = [row if id(row) in checked else replace_non_finite(row) for row in proposal["value"]]
        ids = [row.get("id") for row in rows]
        if len(set(ids)) < len(ids) or not all(isinstance(id, str) for id in ids):
            raise ValueError(f"each row must have a unique id, a str; got {ids}")
        self._checked = rows
        return rows

    @traitlets.observe("rows")
    def _forget_missing(self, change: Any) -> None:
        ids = {row["id"] for row in change["new"]}
        if not ids.issuperset(self.selected):
            self.selected = [id for id in self.selected if id in ids]

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        kind = message.get("kind")
        if kind == "ready":
            self.send_state("rows")  # the page missed patches that were sent while it was loading
        elif kind in ACTIONS and message.get("id") in {row["id"] for row in self.rows}:
            for callback in self._callbacks:
                callback(kind, message["id"], str(message.get("text", "")))


def make_patch(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    """Message that patches `old` rows to `new`: changed rows, and the order if changed."""
    old_by_id = {row["id"]: row for row in old}
    changed = [row for row in new if (before := old_by_id.get(row["id"])) is not row and before != row]
    order = [row["id"] for row in new]
    return {"kind": "patch", "changed": changed, "order": None if order == [row["id"] for row in old] else order}


def replace_non_finite(row: dict[str, Any]) -> dict[str, Any]:
    """Row with None for NaN and infinity.

    JSON has neither of them, and a browser rejects the whole message for one.
    """
    if not any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
        return row
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
