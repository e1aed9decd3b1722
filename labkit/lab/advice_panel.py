"""Advice panel: one line on the displayed run, with a button for its remedy."""

import html
from collections.abc import Callable, Sequence
from typing import Any

from labkit.config import RunConfig
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import make_button, make_html, make_row, set_if_changed, set_text, set_visible
from labkit.lab.run_html import render_muted
from labkit.memo import Memo
from labkit.runs.run import Run
from labkit.tuning.advice import LEVELS, Advice
from labkit.tuning.advisor import advise


class AdvicePanel:
    """Line with the weightiest advice on a run; unfolded it shows why, and the next one.

    Args:
        load_settings: puts settings into the form.
        is_dismissed: True for the name of a rule that the user does not want to hear of again.
        dismiss: remembers such a rule.
    """

    def __init__(
        self,
        load_settings: Callable[[RunConfig], None],
        is_dismissed: Callable[[str], bool],
        dismiss: Callable[[str], None],
    ):
        self._load_settings, self._is_dismissed, self._dismiss = load_settings, is_dismissed, dismiss
        self._memo = Memo()
        self._run: Run | None = None
        self._first: Advice | None = None
        self.text = make_html("labkit-advice")
        self.remedy_button = make_button("wrench", "labkit-remedy", self._on_remedy)
        self.dismiss_button = make_button("times", "labkit-dismiss", self._on_dismiss, width="auto")
        self.widget = make_row("labkit-advice-line", self.text, self.remedy_button, self.dismiss_button)
        self.update(None, is_hidden=True)

    @property
    def buttons(self) -> tuple[Any, ...]:
        return self.remedy_button, self.dismiss_button

    def update(self, run: Run | None, is_hidden: bool) -> None:
        """Show the advice on a run, computed again after each of its evaluations.

        Args:
            is_hidden: True if the line is needed for something else; the button stays.
        """
        self._run = run
        found = self._find(run) if run else []
        self._first = found[0] if found else None
        set_visible(self.widget, bool(found))
        if self._first is None or run is None:
            set_text(self.text, "")
            return
        set_text(self.text, "" if is_hidden else render_advice(found))
        remedy = describe_action(self._first, run)
        set_visible(self.remedy_button, bool(remedy))
        set_if_changed(self.remedy_button, "description", remedy)
        set_if_changed(self.remedy_button, "tooltip", remedy)
        set_visible(self.dismiss_button, self._first.level != "alarm")
        set_if_changed(self.dismiss_button, "tooltip", tr("Do not tell this again for these runs"))

    def _find(self, run: Run) -> Sequence[Advice]:
        key = run, run.state, run.corpus, run.summary().latest
        found: list[Advice] = self._memo("advice", key, lambda: advise(run, most=99))
        return [advice for advice in found if advice.level == "alarm" or not self._is_dismissed(advice.rule)][:2]

    def _on_remedy(self) -> None:
        run, advice = self._run, self._first
        if run is None or advice is None or run.config is None:
            return
        if advice.level == "alarm" and run.is_live:
            run.stop()
        if advice.remedy:
            self._load_settings(run.config.replace(**advice.remedy))

    def _on_dismiss(self) -> None:
        if self._first is not None:
            self._dismiss(self._first.rule)


def describe_action(advice: Advice, run: Run) -> str:
    """What the button does, in words; empty if there is nothing to do.

    A live run that is not worth its time is stopped, too.
    """
    stops, remedy = advice.level == "alarm" and run.is_live, tr(advice.describe_remedy())
    if stops and remedy:
        return tr("Stop {run}, set {remedy}", run=run.title, remedy=remedy)
    if stops:
        return tr("Stop {run}", run=run.title)
    return tr("Set {remedy}", remedy=remedy) if remedy else ""


def render_advice(found: Sequence[Advice]) -> str:
    """First sentence in a line that unfolds: whole, with its reason, and the sentences after it."""
    first = found[0]
    page = tr("rule {rule}, explained in docs/advice.md", rule=first.rule)
    paragraphs = [f"<p>{html.escape(tr(first.text))}</p><p>{html.escape(tr(first.why))}</p>{render_muted(page)}"]
    paragraphs += [f"<p>{html.escape(tr(advice.text))}</p>" for advice in found[1:]]
    return (
        f'<details class="labkit-line-{first.level}" role="status"><summary title="{html.escape(tr(first.text))}">'
        f"<b>{html.escape(tr(LEVELS[first.level]))}</b> {html.escape(tr(first.text))} <u>{tr('Why?')}</u></summary>"
        f"<div>{''.join(paragraphs)}</div></details>"
    )
