"""Logs and run folders that an earlier version has written, read and written as they were.

`tests/stored/` was made by commit 048b91f (2026-11-27): one event and one request of each kind, and eight run folders,
one in each state and structure, without their weights and predictions; host, boot and paths are replaced by others as
long. `runs.json` is what `labkit runs --json` of commit 8d847dc said of them.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from labkit.cli.tables import run_to_dict
from labkit.config import RunConfig
from labkit.events import ControlRequest, Event, LineWriter, LogReader
from labkit.runs.compare import build_comparison_table
from labkit.runs.store import RunStore

STORED = Path(__file__).with_name("stored")
KINDS = (*get_args(Event), *get_args(ControlRequest))


@pytest.fixture
def stored_runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    shutil.copytree(STORED / "runs", folder)
    for path in folder.rglob("*"):
        os.utime(path, (1_796_000_000, 1_796_000_000))  # a run of another host is given up when its log is silent
    return folder


def test_one_stored_line_of_each_kind_is_written_as_it_was(tmp_path: Path) -> None:
    """Fields that are newer than these lines stand behind the old ones; a run's lock has replaced three of them."""
    copy = tmp_path / "copy.jsonl"
    writer = LineWriter(copy)
    found = LogReader(STORED / "events.jsonl", Event | ControlRequest).read()  # type: ignore[arg-type]
    writer.write(*found)
    writer.close()
    assert [type(each) for each in found] == list(KINDS)
    before, now = ((path.read_text(encoding="utf-8").splitlines()) for path in (STORED / "events.jsonl", copy))
    before = [re.sub(r',"(process_started|boot|started_ticks)":("[^"]*"|[\d.]+)', "", line) for line in before]
    assert len(before) == len(now) == len(KINDS)
    assert [new[: len(old) - 1] for old, new in zip(before, now, strict=True)] == [old[:-1] for old in before]


def test_every_field_on_disk_is_in_a_stored_line_or_newer_than_these() -> None:
    lines = [json.loads(line) for line in (STORED / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    newer = {"dev_sha256", "test_sha256", "gold", "predicted"}
    newer |= {"tag_entropy", "conditional_tag_entropy", "unknown_tokens", "cut_entities", "early"}
    for kind, line in zip(KINDS, lines, strict=True):
        written = {field.encode_name for field in msgspec.structs.fields(kind)} - newer
        assert written == set(line) - {"kind", "process_started", "boot", "started_ticks"}, kind


def test_stored_runs_of_all_states_say_what_they_said(stored_runs: Path) -> None:
    expected = json.loads((STORED / "runs.json").read_text(encoding="utf-8"))
    runs = RunStore(stored_runs).runs()
    found = [{**run_to_dict(run), "folder": run.folder.name} for run in runs]
    for now, stored in zip(found, expected, strict=True):  # settings that are newer have no stored value
        now["config"] = {name: now["config"][name] for name in now["config"] if name in stored["config"]}
        del now["dev_loss"]  # newer than these
    assert json.loads(json.dumps(found)) == expected
    assert [list(each) for each in found] == [list(each) for each in expected], "the order of the keys"
    states = {"completed", "failed", "stopped", "interrupted", "queued"}
    assert {run.state for run in runs} == states


def test_stored_settings_open_and_are_written_by_the_same_names(stored_runs: Path) -> None:
    for folder in stored_runs.iterdir():
        stored = json.loads((folder / "config.json").read_bytes())["config"]
        written = RunConfig.from_dict(stored).as_dict()
        assert {name: value for name, value in written.items() if name in stored} == stored


def test_stored_runs_are_compared_and_their_curves_are_read(stored_runs: Path) -> None:
    first, second, third = RunStore(stored_runs).get_all([1, 2, 3])
    table = build_comparison_table([first, second, third])
    state = table.columns.index("state")
    assert [row[state] for row in table.rows] == ["completed"] * 3
    assert [len(run.steps) for run in (first, second, third)] == [12, 6, 3]
    assert third.profiled is not None
    assert {group.name for group in third.groups} == {"encoder", "head", "crf"}
