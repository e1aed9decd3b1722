"""The table of runs: sortable, selectable, its rows patched in place, as a widget of our own."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

ACTIONS = ("use", "rename", "note", "delete")
SCRIPT_TEXTS = (  # what runs_table.js says by itself
    "No runs yet. Set the sliders and press Train.",
    "select all runs",
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
OnAction = Callable[[str, str, str], None]


class RunsTable(anywidget.AnyWidget):
    """Runs as rows, made of plain values.

    A column is `{key, label, kind, align?, help?, best?, within?}`. Kinds: `name` (with the run's colour, its note and
    the buttons), `state`, `text`, `number`, `integer`, `score`, `rate`, `duration` (seconds), `time` (Unix seconds).
    `align` is `left`, `center` or `right`; `best` is `high` or `low` and decides which way the first click sorts;
    rows that differ in the column `within` are not sorted among each other, but stay together by it.

    A row is `{id, colour: [light, dark], state, best: [keys of the columns it is best in], note?, <key>: value…}`;
    `None` and what is not a finite number are shown as a dash and sort last. A row is not to be changed once it was
    given: the same dict again means that nothing in it is new, and it is not looked at.

    `selected` holds ids; `sort` is `{"key": …, "ascending": …}`, an empty key keeping the order of `rows`; `theme` is
    `light` or `dark`, as the page has it. `words` are what the table itself says and what stands in its text columns,
    by the English; what is not in it is shown as it is.
    """

    # As texts: of a path, anywidget keeps every widget that was ever made, to load the file again where it changes.
    _esm = Path(__file__).with_name("runs_table.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("runs_table.css").read_text(encoding="utf-8")

    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)  # of dicts; checked below, where those that are known are passed over
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sort = traitlets.Dict(default_value={"key": "", "ascending": True}).tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    theme = traitlets.Enum(("light", "dark"), default_value="light").tag(sync=True)

    def __init__(self, **traits: Any):
        self._callbacks: list[OnAction] = []
        self._checked: list[dict[str, Any]] = []  # rows as they last were; held, so that the id() of one stays its own
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def on_action(self, callback: OnAction) -> None:
        """Call back with (kind, id, text): `rename` and `note` with the new text, `use` and `delete` with none."""
        self._callbacks.append(callback)

    def notify_change(self, change: Any) -> None:
        """Send what changed; of rows only those that differ: not a thousand runs four times a second."""
        if change["name"] != "rows" or not self._has_comm() or not isinstance(change["old"], list):
            super().notify_change(change)
            return
        self.send(make_patch(change["old"], change["new"]))
        traitlets.HasTraits.notify_change(self, change)

    @traitlets.validate("rows")
    def _check_rows(self, proposal: Any) -> list[dict[str, Any]]:
        known = {id(row) for row in self._checked}
        rows = [row if id(row) in known else _replace_non_finite(row) for row in proposal["value"]]
        ids = [row.get("id") for row in rows]
        if len(set(ids)) < len(ids) or not all(isinstance(id, str) for id in ids):
            raise ValueError(f"rows must each have an id of their own, a str; got {ids}")
        self._checked = rows
        return rows

    @traitlets.observe("rows")
    def _forget_missing(self, change: Any) -> None:
        ids = {row["id"] for row in change["new"]}
        if not ids.issuperset(self.selected):
            self.selected = [id for id in self.selected if id in ids]

    def _has_comm(self) -> bool:
        return getattr(self, "comm", None) is not None

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        kind = message.get("kind")
        if kind == "ready":
            self.send_state("rows")  # a patch sent while the page was still loading has been missed
        elif kind in ACTIONS and message.get("id") in {row["id"] for row in self.rows}:
            for callback in self._callbacks:
                callback(kind, message["id"], str(message.get("text", "")))


def make_patch(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    """What turns the old rows into the new ones: the rows that differ, and the order where that changed."""
    known = {row["id"]: row for row in old}
    changed = [row for row in new if (before := known.get(row["id"])) is not row and before != row]
    order = [row["id"] for row in new]
    return {"kind": "patch", "changed": changed, "order": None if order == [row["id"] for row in old] else order}


def _replace_non_finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity; a browser refuses the whole message for one of them."""
    if not any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
        return row
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
