"""What a user has set in the lab, kept beside the runs."""

import json

import pytest

from labkit.runs.view_state import VIEW_STATE_FILE, ViewState, read_view_state, write_view_state

CHOICES = ViewState(sort_key="best_f1", ascending=False, axis="epoch", layout="overlaid", ticked=["run-0002"])


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    write_view_state(tmp_path, CHOICES)
    assert read_view_state(tmp_path) == CHOICES
    assert [path.name for path in tmp_path.iterdir()] == [VIEW_STATE_FILE]


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"\xff",
    b"null",
    b'{"ticked": ' + b"[" * 100_000,
    b'{"sort_key": 1, "axis": "moon", "ticked": "a"}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_damaged_or_missing_is_as_if_nobody_had_chosen(tmp_path, content):
    assert read_view_state(tmp_path) == ViewState()
    (tmp_path / VIEW_STATE_FILE).write_bytes(content)
    assert read_view_state(tmp_path) == ViewState()


def test_a_value_that_is_not_known_leaves_the_others(tmp_path):
    stored = {"sort_key": "best_f1", "ascending": False, "axis": "epoch", "layout": "heap", "later": [1]}
    (tmp_path / VIEW_STATE_FILE).write_text(json.dumps(stored))
    assert read_view_state(tmp_path) == ViewState(sort_key="best_f1", ascending=False, axis="epoch")


def test_a_folder_that_is_not_there_is_not_made_for_them(tmp_path):
    write_view_state(tmp_path / "runs", CHOICES)
    assert not (tmp_path / "runs").exists()
