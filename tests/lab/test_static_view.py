"""What a notebook shows in the lab's place where no kernel runs."""

import re
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.lab import static_view as module
from labkit.lab.static_view import StaticView, render_static_view
from labkit.runs.compare import name_runs
from labkit.runs.store import RunStore
from tests.runs.samples import write_run

CFG = Path(__file__).parents[1] / "nbval.cfg"


def sanitised(text):
    """As nbval compares it."""
    for pattern, replacement in re.findall(r"^regex: (.*)$\n^replace: (.*)$", CFG.read_text(), flags=re.MULTILINE):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.fixture
def store(runs_folder):
    for number in range(1, 8):
        write_run(runs_folder, RunConfig(epochs=number), steps=40)
    return RunStore(runs_folder)


def view(store):
    runs = store.runs()
    return render_static_view(runs, name_runs(runs))


def test_it_says_in_both_languages_how_to_have_the_lab_back_and_lists_the_newest_runs(store):
    store.rename(store.get(7), "<b>mine</b>\nand yours")
    told = view(store)
    for each in told.values():
        assert "Run this cell to see it" in each
        assert "运行这个单元格" in each
    page = told["text/html"]
    assert re.findall(r"<td>#(\d)", page) == ["7", "6", "5", "4", "3"]
    assert "<td>#7 &lt;b&gt;mine&lt;/b&gt; and yours</td>" in page
    assert "<td>completed 已完成</td>" in page
    assert f"<td>{store.get(7).best.f1:.3f}</td>" in page


def test_notebooks_compare_as_equal_whatever_runs_there_are(store):
    with_runs, without = view(store), render_static_view([], {})
    assert with_runs != without
    assert {kind: sanitised(text) for kind, text in with_runs.items()} == {
        kind: sanitised(text) for kind, text in without.items()
    }


def test_it_is_brought_up_to_date_where_it_was_shown_and_only_when_something_is_new(store, runs_folder, monkeypatch):
    said = []

    class Handle:
        def display(self, data, raw):
            said.append(("display", data))

        def update(self, data, raw):
            said.append(("update", data))

    monkeypatch.setattr(module, "DisplayHandle", Handle)
    shown = StaticView()
    shown.update(store.runs(), {})
    assert said == [], "nobody has shown it"
    shown.show(store.runs(), {})
    shown.update(store.runs(), {})
    write_run(runs_folder, steps=40)
    shown.update(store.runs(), {})
    assert [kind for kind, _ in said] == ["display", "update"]
    assert "<td>#8</td>" in said[1][1]["text/html"]
