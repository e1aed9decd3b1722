"""Button that deletes several runs at its second press."""

import time
from collections.abc import Callable

from labkit.i18n.translation import tr
from labkit.lab.page_widgets import make_button, set_if_changed, set_visible
from labkit.messages import N_

CONFIRM_AFTER_S, CONFIRM_UNTIL_S = 0.5, 6.0  # a second press confirms between these; sooner it is a double click
ASK = N_("Delete {count} for good? Press again")


class DeleteButton:
    """Button (`widget`) for the runs of the last `update`; its first press makes it ask."""

    def __init__(self, text: str, name: str, delete: Callable[[list[str]], None]) -> None:
        """
        Args:
            text: what it says, with `{count}`.
            name: its CSS class.
            delete: called with the ids of the runs.
        """
        self.widget = make_button("trash", name, self._on_press)
        self._text, self._delete = text, delete
        self._ids: list[str] = []
        self._asked: list[str] = []  # at the first press
        self._asked_at = 0.0

    def update(self, ids: list[str]) -> None:
        """Offer to delete these runs; hidden without any."""
        self._ids = ids
        if self._asked != ids or time.monotonic() > self._asked_at + CONFIRM_UNTIL_S:
            self._asked = []
        set_if_changed(self.widget, "description", tr(ASK if self._asked else self._text, count=len(ids)))
        set_visible(self.widget, bool(ids))

    def _on_press(self) -> None:
        asked, now = self._asked, time.monotonic()
        if not asked:
            self._asked, self._asked_at = self._ids, now
        elif now > self._asked_at + CONFIRM_AFTER_S:
            self._asked = []
            self._delete(asked)
        self.update(self._ids)
