"""Advice panel: a sentence on the displayed run, and a button that does what it says."""

from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.events import StopRequested, open_control_log
from labkit.lab.advice_panel import AdvicePanel
from labkit.lab.page_widgets import plain_text
from labkit.runs.folder import run_lock
from tests.tuning.planted import run_of, write_planted

STILL = {"f1": (0.0, 0.0, 0.0), "head": 0.05, "encoder_rate": 5e-5, "head_rate": 5e-5, "batch_size": 8}


class Lab:
    """A panel with what it has set, and what is not to be told again."""

    def __init__(self) -> None:
        self.loaded: list[RunConfig] = []
        self.dismissed: list[str] = []
        self.panel = AdvicePanel(self.loaded.append, self.dismissed.__contains__, self.dismissed.append)

    def is_visible(self) -> bool:
        return self.panel.widget.layout.display != "none"


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_the_button_loads_the_settings_of_the_run_with_the_remedy(lab: Lab) -> None:
    lab.panel.update(run_of(**STILL), is_hidden=False)
    assert "F1 is 0.000: the head has moved only 5 % of its own size" in plain_text(lab.panel.widget)
    assert lab.panel.remedy_button.description == "Set Head rate 1e-2"
    lab.panel.remedy_button.click()
    assert [(config.head_rate, config.batch_size) for config in lab.loaded] == [(1e-2, 8)]


def test_a_live_run_not_worth_its_time_is_stopped_as_well(lab: Lab, runs_folder: Path) -> None:
    run = write_planted(runs_folder / "run-0001", **STILL, done=1 / 3)
    with run_lock(run.folder):
        run.refresh()
        lab.panel.update(run, is_hidden=False)
        assert lab.panel.remedy_button.description == "Stop #1, set Head rate 1e-2"
        lab.panel.remedy_button.click()
    assert [type(request) for request in open_control_log(run.folder).read()] == [StopRequested]
    assert lab.loaded[0].head_rate == 1e-2


def test_a_hint_is_dismissed_for_good_and_the_next_one_follows(lab: Lab) -> None:
    run = run_of(encoder_rate=0.0, head_warmup=0.9)
    lab.panel.update(run, is_hidden=False)
    assert "the encoder is frozen" in plain_text(lab.panel.text)
    lab.panel.dismiss_button.click()
    lab.panel.update(run, is_hidden=False)
    assert lab.dismissed == ["frozen-encoder"]
    assert "the encoder is frozen" not in plain_text(lab.panel.text)
    assert "the warm-up takes 90 %" in plain_text(lab.panel.text)


def test_an_alarm_cannot_be_dismissed(lab: Lab) -> None:
    lab.panel.update(run_of(**STILL), is_hidden=False)
    assert lab.panel.dismiss_button.layout.display == "none"


def test_the_line_is_left_to_an_error_but_for_the_button(lab: Lab) -> None:
    lab.panel.update(run_of(**STILL), is_hidden=True)
    assert lab.is_visible()
    assert plain_text(lab.panel.text) == ""
    assert lab.panel.remedy_button.layout.display != "none"


def test_without_a_run_or_advice_there_is_no_line(lab: Lab) -> None:
    lab.panel.update(None, is_hidden=False)
    assert not lab.is_visible()
    lab.panel.update(run_of(done=0.1), is_hidden=False)
    assert not lab.is_visible()


def test_what_a_corpus_says_is_escaped(lab: Lab) -> None:
    lab.panel.update(run_of(types={"PER": 0.8, "<b>": 0.0}), is_hidden=False)
    assert "&lt;b&gt;" in lab.panel.text.value
    assert "<b>&lt;" not in lab.panel.text.value
