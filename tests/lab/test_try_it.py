"""The example that Try it begins with, and which answer it shows."""

import html
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.config import RunConfig
from labkit.i18n import translation
from labkit.jobs import launch
from labkit.lab.try_it import TryItPanel
from labkit.messages import Message
from labkit.presets import DEFAULT_PAIR, STARTER_PAIRS, make_config
from labkit.runs.store import RunStore
from tests.runs.samples import write_run
from tests.waiting import until


@pytest.fixture
def offered(runs_folder: Path) -> TryItPanel:
    return panel(runs_folder, launch.predict)


def panel(runs_folder: Path, predict: Callable[[Path, str], dict[str, Any]]) -> TryItPanel:
    """Lists an English run, #1, and a Chinese one, #2, which is the newest."""
    for config in (make_config("english"), make_config("chinese")):
        folder = write_run(runs_folder, config)
        (folder / "best").mkdir(exist_ok=True)
        (folder / "best" / "tagger.json").write_text("{}")
    made = TryItPanel(predict)
    runs = RunStore(runs_folder).runs()
    made.refresh(runs, {run.folder: f"#{place}" for place, run in enumerate(runs, start=1)})
    return made


def test_without_a_run_it_is_that_of_what_the_lab_starts_with() -> None:
    assert TryItPanel().text.value == STARTER_PAIRS[DEFAULT_PAIR].example


def test_it_is_in_the_language_of_the_run(offered: TryItPanel) -> None:
    assert offered.text.value == STARTER_PAIRS["chinese"].example
    offered.run_menu.value = "run-0001"
    assert offered.text.value == STARTER_PAIRS["english"].example


def test_what_somebody_has_typed_stays(offered: TryItPanel) -> None:
    offered.text.value = "Anna"
    offered.run_menu.value = "run-0001"
    assert offered.text.value == "Anna"


def test_a_run_of_neither_pair_keeps_the_example(offered: TryItPanel, runs_folder: Path) -> None:
    folder = write_run(runs_folder, RunConfig(corpus="elsewhere", encoder="somewhere"))
    (folder / "best").mkdir(exist_ok=True)
    (folder / "best" / "tagger.json").write_text("{}")
    before = offered.text.value
    offered.refresh(RunStore(runs_folder).runs()[-1:], {folder: "#3"})
    assert (offered.run_menu.value, offered.text.value) == ("run-0003", before)


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(runs_folder: Path) -> None:
    slow = threading.Event()

    def predict(_: Path, text: str) -> dict[str, Any]:
        if text == "first":
            slow.wait(10)
        return {"entities": [{"start": 0, "end": len(text), "type": "PER", "text": text}], "seconds": 0.1}

    offered = panel(runs_folder, predict)
    offered.text.value = "first"
    asking = threading.Thread(target=offered.tag_text)
    asking.start()
    until(lambda: "reading" in offered.answer.value)
    offered.text.value = "second"
    offered.tag_text()
    slow.set()
    asking.join(10)
    assert "second" in offered.answer.value
    offered.retranslate()
    assert "second" in offered.answer.value


def test_what_is_to_be_known_of_an_answer_is_told_below_it(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "_language", "en")
    notes: list[Message] = []
    offered = panel(runs_folder, lambda *_: {"entities": [], "seconds": 0.1, "note": notes[-1]})
    note = "this run computed in {precision}, which this device cannot: its tags are computed in {here} here"
    for rest, values, chinese in (
        (", and differ in {count} of {all} dev sentences.", {"count": 1, "all": 9}, "9 句验证集句子中有 1 句"),
        (" and may differ.", {}, "可能不同"),
    ):
        notes.append(Message(note + rest, precision="float16", here="float32", **values))
        offered.tag_text()
        assert html.escape(notes[-1]) in offered.answer.value
        translation.set_language("zh")
        offered.retranslate()
        assert chinese in offered.answer.value
        translation.set_language("en")
