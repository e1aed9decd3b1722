"""One damaged run is that run's problem, whatever it is damaged by: all others are read, shown and trained."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from labkit.cli import tables
from labkit.cli.output import make_console
from labkit.config import RunConfig
from labkit.i18n.translation import tr
from labkit.lab import run_html, time_bar_html
from labkit.lab.run_rows import RunRows
from labkit.runs.compare import build_comparison_table, name_runs
from labkit.runs.curves import AXES
from labkit.runs.estimate import estimate
from labkit.runs.predictions import read_predictions
from labkit.runs.store import Run, RunStore, write_summary
from tests.runs.damage import UNREADABLE, WAYS, damaged
from tests.runs.samples import write_mistakes, write_run

DAMAGED = [  # which file of a run in which state
    *((name, "completed") for name in ("config.json", "events.jsonl", "summary.json", "label.json")),
    *((name, "completed") for name in ("predictions.dev.jsonl", "predictions.test.jsonl")),
    *((name, "queued") for name in ("config.json", "events.jsonl", "control.jsonl", "output.log")),
    *((name, "interrupted") for name in ("config.json", "events.jsonl", "summary.json")),
]


class Damage(NamedTuple):
    """A folder of runs, which file is damaged, and in which way in each folder."""

    runs: Path
    name: str
    ways: dict[str, str]


def whole_run(runs_folder: Path, number: int, state: str = "completed") -> Path:
    """A run folder with all that a run may have."""
    folder = write_run(runs_folder, RunConfig(seed=number), 20, state, number=number)
    if state == "completed":
        write_summary(folder)
        write_mistakes(folder, sentences=6), write_mistakes(folder, sentences=6, part="test")
        (folder / "output.log").write_text("printed\n")
    (folder / "label.json").write_text('{"name": "mine", "note": "a note"}')
    (folder / "control.jsonl").write_text('{"kind": "rate asked", "group": "head", "rate": 0.01}\n')
    return folder


@pytest.fixture(scope="module", params=DAMAGED, ids=" of a run that is ".join)
def damage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Damage:
    """Beside a healthy run, number 1, each way of damaging that file in a run of its own."""
    runs, (name, state) = tmp_path_factory.mktemp("damaged"), request.param
    whole_run(runs, 1)
    folders = {way: whole_run(runs, number, state) for number, way in enumerate(WAYS, start=2)}
    return Damage(runs, name, {damaged(folder, name, way).name: way for way, folder in folders.items()})


def test_all_runs_are_listed_and_the_healthy_one_is_whole(damage: Damage) -> None:
    runs = RunStore(damage.runs).runs()
    assert {run.folder.name for run in runs} == {"run-0001", *damage.ways}
    healthy = next(run for run in runs if run.number == 1)
    assert (healthy.state, healthy.problem, len(healthy.steps)) == ("completed", None, 20)
    assert (healthy.name, healthy.note) == ("mine", "a note")
    assert read_predictions(healthy.folder, "dev")


def test_a_file_that_cannot_be_read_is_told_in_either_language(damage: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_LANGUAGE", "zh")
    if damage.name not in ("config.json", "events.jsonl", "label.json"):
        return  # of the others nobody misses anything, or they are made again
    for run in RunStore(damage.runs).runs():
        way = damage.ways.get(run.folder.name)
        if way in UNREADABLE:
            assert run.folder.name in str(run.problem), way
            assert tr(run.problem or "") != run.problem, way


def test_tables_of_terminal_and_lab_show_all_runs(damage: Damage) -> None:
    runs = RunStore(damage.runs).runs()
    assert len(build_comparison_table(runs).text_rows()) == len(runs)
    _, rows = RunRows().build(runs)
    json.dumps([row | {"best_f1": None} for row in rows])
    for row in rows:
        assert row["created"] < 253_402_300_800, "a page cannot show a later date"
    on = make_console()
    with on.capture() as said:
        on.print(tables.runs_table(runs))
    assert all(f"#{run.number} " in said.get() for run in runs)
    json.dumps([tables.run_to_dict(run) for run in runs])


def test_the_page_can_say_all_that_it_says_of_a_run(damage: Damage) -> None:
    runs = RunStore(damage.runs).runs()
    called = name_runs(runs)
    for run in runs:
        assert run_html.render_status(run, called[run.folder])
        (
            run_html.render_failure(run),
            run_html.render_details(run),
            run_html.render_queue([run], called),
            time_bar_html.render_time_bar(run),
            time_bar_html.render_operators(run),
        )
    run_html.render_plan(estimate(runs, RunConfig(), 2000, 200, 200), [])
    run_html.render_plan(estimate(runs, RunConfig(token_budget=500), 2000), [])


def test_curves_and_predictions_of_any_run_can_be_asked_for(damage: Damage) -> None:
    for run in RunStore(damage.runs).runs():
        for axis in AXES:
            run.axis(axis), run.evaluation_axis(axis), run.sample_axis(axis)
        for part in ("dev", "test"):
            found = read_predictions(run.folder, part)
            for sentence in found.sentences.values() if found else ():
                for entity in (*sentence.gold, *sentence.predicted):
                    assert 0 <= entity.start < entity.end <= len(sentence.words)


def test_any_damaged_run_can_be_deleted(damage: Damage) -> None:
    store = RunStore(damage.runs)
    for folder in damage.ways:
        store.delete(store.get(damage.runs / folder), confirm=True)
    assert [run.folder.name for run in store.runs()] == ["run-0001"]
    assert [path.name for path in damage.runs.iterdir() if not path.name.startswith(".")] == ["run-0001"]


def test_a_folder_whose_name_is_no_text_keeps_no_run_from_being_shown(runs_folder: Path) -> None:
    whole_run(runs_folder, 1)
    try:
        whole_run(runs_folder, 2).rename(runs_folder / "run-\udcff")
    except OSError:
        pytest.skip("this file system has only names that are text")
    assert [run.title for run in RunStore(runs_folder).runs()] == ["#1"]


def test_a_label_that_was_damaged_is_written_anew(runs_folder: Path) -> None:
    for number, way in enumerate(set(WAYS) - {"a folder"}, start=1):
        damaged(whole_run(runs_folder, number), "label.json", way)
    store = RunStore(runs_folder)
    for run in store.runs():
        store.rename(run, "renamed")
    assert {(run.name, run.problem) for run in RunStore(runs_folder).runs()} == {("renamed", None)}


def test_a_run_that_is_damaged_while_it_is_followed_stays_what_it_was(runs_folder: Path) -> None:
    folder = write_run(runs_folder, steps=20, state="running")
    run = Run(folder)
    for damage in (b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"kind":"step done","seconds":1e308}\n', b"5\n"):
        with open(folder / "events.jsonl", "ab") as log:
            log.write(damage)
        run.refresh()
    assert (run.state, len(run.steps)) == ("running", 10)
    assert run.problem == f"4 lines of events.jsonl of {folder.name} could not be understood"
