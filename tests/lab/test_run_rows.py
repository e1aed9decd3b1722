"""Rows of the table of runs: what is in them, and which of them are made again."""

import gc
import weakref

import pytest

from labkit.config import RunConfig
from labkit.events import Evaluated, LineWriter, StepDone
from labkit.lab import run_rows as module
from labkit.lab.run_rows import RunRows
from labkit.lab.runs_table import make_patch
from labkit.runs.compare import ComparisonTableBuilder
from labkit.runs.store import RunStore
from tests.runs.samples import write_run


@pytest.fixture
def store(runs_folder):
    """Three runs that are over, and a live one, with head rates of their own."""
    states = ("completed", "stopped", "completed", "running")
    for state, rate in zip(states, (1e-3, 2e-3, 5e-3, 1e-2), strict=True):
        write_run(runs_folder, RunConfig(head_rate=rate), 60, state)
    return RunStore(runs_folder)


@pytest.fixture
def made(monkeypatch):
    """The numbers of the runs whose rows are made."""
    numbers = []
    original = ComparisonTableBuilder.build_row
    monkeypatch.setattr(
        ComparisonTableBuilder,
        "build_row",
        lambda self, run, name: numbers.append(run.number) or original(self, run, name),
    )
    return numbers


def append(run, *events):
    writer = LineWriter(run.folder / "events.jsonl")
    writer.write(*events)
    writer.close()


def test_rows_hold_the_values_of_the_table_the_newest_run_on_top(store):
    columns, rows = RunRows().build(store.runs())
    assert [row["id"] for row in rows] == ["run-0004", "run-0003", "run-0002", "run-0001"]
    assert [row["head_rate"] for row in rows] == [1e-2, 5e-3, 2e-3, 1e-3]
    assert [row["state"] for row in rows] == ["running", "completed", "stopped", "completed"]
    assert [column["key"] for column in columns][:5] == ["number", "name", "head_rate", "best_f1", "state"]
    assert {column["key"] for column in columns} <= rows[0].keys()
    best = max(rows, key=lambda row: row["best_f1"] or 0)
    assert [row["best"] for row in rows if row is not best] == [[]] * 3
    assert best["best"] == ["best_f1"]


def test_of_many_runs_only_the_one_that_moved_on_is_made_again(store, made):
    rows = RunRows()
    columns, before = rows.build(store.runs())
    assert sorted(made) == [1, 2, 3, 4]
    made.clear()
    append(store.get(4), StepDone(9.0, 31, 0.6, 0.5, {}, {}, 9999))
    again, after = rows.build(store.runs())
    assert made == [4]
    assert again is columns
    assert after[0]["tokens_per_s"] != before[0]["tokens_per_s"]
    assert all(one is other for one, other in zip(before[1:], after[1:], strict=True))


def test_nothing_is_made_where_nothing_moved(store, made):
    rows = RunRows()
    _, before = rows.build(store.runs())
    made.clear()
    _, after = rows.build(store.runs())
    assert made == []
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_settings_are_compared_again_only_for_other_runs_or_names(store, monkeypatch):
    builders = []
    monkeypatch.setattr(
        module,
        "ComparisonTableBuilder",
        lambda runs, tr: builders.append(len(runs)) or ComparisonTableBuilder(runs, tr),
    )
    rows = RunRows()
    for _ in range(2):
        rows.build(store.runs())
    assert builders == [4]
    store.annotate(store.get(1), "a note changes no name")
    assert rows.build(store.runs())[1][-1]["note"] == "a note changes no name"
    assert builders == [4]
    store.rename(store.get(1), "mine")
    assert rows.build(store.runs())[1][-1]["name"] == "mine"
    assert builders == [4, 4]


def test_a_run_more_leaves_the_rows_that_read_the_same(store, runs_folder):
    rows = RunRows()
    _, before = rows.build(store.runs())
    write_run(runs_folder, RunConfig(head_rate=2e-2), 60, "failed")
    _, after = rows.build(store.runs())
    assert make_patch(before, after)["changed"] == after[:1]
    assert [row["id"] for row in after][:2] == ["run-0005", "run-0004"]


def test_a_setting_that_now_differs_shows_in_every_row(store, runs_folder):
    rows = RunRows()
    rows.build(store.runs())
    write_run(runs_folder, RunConfig(batch_size=64), 60)
    columns, after = rows.build(store.runs())
    assert "batch_size" in {column["key"] for column in columns}
    assert {row["batch_size"] for row in after} == {RunConfig().batch_size, 64}


def test_the_star_moves_to_a_better_run(store):
    rows = RunRows()
    rows.build(store.runs())
    append(store.get(4), Evaluated(9.0, 31, 0.6, 9999, 0.1, 0.99, 0.99, 0.99, {}))
    _, after = rows.build(store.runs())
    assert [row["best"] for row in after] == [["best_f1"], [], [], []]


def test_a_run_on_other_dev_sentences_brings_a_column_that_the_scores_are_sorted_within(store, runs_folder):
    rows = RunRows()
    columns, _ = rows.build(store.runs())
    assert {column["key"]: column["within"] for column in columns}["best_f1"] == "dev_split"
    assert "dev_split" not in {column["key"] for column in columns}
    write_run(runs_folder, RunConfig(), 60, dev_sha256="edited")
    columns, after = rows.build(store.runs())
    assert "dev_split" in {column["key"] for column in columns}
    assert [row["dev_split"] for row in after] == ["wnut16 · 120 (2)", *["wnut16 · 120"] * 4]
    assert sum(map(len, (row["best"] for row in after[1:]))) == 1
    assert after[0]["best"] == [], "the only one of its split"


def test_a_run_that_is_gone_is_forgotten(store):
    rows = RunRows()
    rows.build(store.runs())
    gone = weakref.ref(store.get(2))
    store.delete(gone(), confirm=True)
    assert [row["id"] for row in rows.build(store.runs())[1]] == ["run-0004", "run-0003", "run-0001"]
    gc.collect()
    assert gone() is None
