"""The table of runs: what it takes, what it sends, what it hears. Clicks are tested in a real browser."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

import labkit.lab.runs_table as module
from labkit.formatting import format_duration
from labkit.lab.runs_table import RunsTable, make_patch

COLUMNS = [
    {"key": "name", "label": "Run", "kind": "name"},
    {"key": "f1", "label": "Dev F1", "kind": "score", "best": "high"},
]
SCRIPTS = [Path(module.__file__).with_name(name) for name in ("runs_table.js", "settings_form.js")]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def row(number, **values):
    return {"id": f"run-{number:04}", "name": f"#{number}", "state": "completed", "f1": None, "best": [], **values}


@pytest.fixture
def table(monkeypatch):
    table = RunsTable(columns=COLUMNS, rows=[row(1), row(2, f1=0.5), row(3)])
    table.sent = []
    monkeypatch.setattr(table, "_send", lambda message, buffers=None: table.sent.append(message))
    return table


def test_what_is_put_in_comes_back(table):
    assert table.columns == COLUMNS
    assert [row["id"] for row in table.rows] == ["run-0001", "run-0002", "run-0003"]
    table.selected = ["run-0002"]
    table.sort = {"key": "f1", "ascending": False}
    state = table.get_state()
    assert state["selected"] == ["run-0002"]
    assert state["sort"] == {"key": "f1", "ascending": False}
    assert state["theme"] == "light"
    assert json.loads(json.dumps(state["rows"])) == table.rows


def test_unchanged_rows_are_not_sent_again(table):
    table.rows = [dict(row) for row in table.rows]
    assert table.sent == []


def test_rows_that_were_given_before_are_not_looked_at_again(table, monkeypatch):
    looked_at = []
    monkeypatch.setattr(module, "replace_non_finite", lambda row: looked_at.append(row["id"]) or row)
    table.rows = [*table.rows[:2], row(3, f1=0.25), row(4)]
    assert looked_at == ["run-0003", "run-0004"]


def test_a_new_row_that_json_cannot_hold_is_mended_though_the_others_are_known(table):
    table.rows = [*table.rows, row(4, f1=math.nan)]
    assert table.rows[3]["f1"] is None
    table.rows = [*table.rows[:3], row(4, f1=math.inf)]
    assert table.rows[3]["f1"] is None


def test_only_the_row_that_changed_is_sent(table):
    table.rows = [*table.rows[:2], row(3, f1=0.25)]
    assert table.sent == [
        {"method": "custom", "content": {"kind": "patch", "changed": [row(3, f1=0.25)], "order": None}}
    ]
    assert table.rows[2]["f1"] == 0.25


def test_observers_in_python_hear_of_changed_rows(table):
    heard = []
    table.observe(lambda change: heard.append(len(change["new"])), names="rows")
    table.rows = table.rows[:1]
    assert heard == [1]


def test_a_new_run_sends_itself_and_the_order():
    rows = [row(1), row(2)]
    assert make_patch(rows, [row(3), *rows]) == {
        "kind": "patch",
        "changed": [row(3)],
        "order": ["run-0003", "run-0001", "run-0002"],
    }


def test_a_page_that_was_still_loading_gets_all_rows(table):
    table.rows = [*table.rows, row(4)]
    table.sent.clear()
    table._handle_custom_msg({"kind": "ready"}, [])
    (message,) = table.sent
    assert message["method"] == "update"
    assert len(message["state"]["rows"]) == 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_becomes_none(value):
    table = RunsTable(columns=COLUMNS, rows=[row(1, f1=value)])
    assert table.rows[0]["f1"] is None


@pytest.mark.parametrize("rows", [[row(1), row(1)], [{"name": "no id"}], [{"id": 1}]])
def test_rows_need_ids_of_their_own(rows):
    with pytest.raises(ValueError, match="each row must have a unique id"):
        RunsTable(rows=rows)


def test_a_run_that_is_gone_is_no_longer_selected(table):
    table.selected = ["run-0001", "run-0003"]
    table.rows = table.rows[:2]
    assert table.selected == ["run-0001"]


@pytest.mark.parametrize("kind", ["show", "use", "rename", "note", "delete"])
def test_actions_reach_their_callbacks(table, kind):
    heard = []
    table.on_action(lambda *action: heard.append(action))
    table._handle_custom_msg({"kind": kind, "id": "run-0002", "text": "better"}, [])
    assert heard == [(kind, "run-0002", "better")]


@pytest.mark.parametrize("message", [{"kind": "explode", "id": "run-0001"}, {"kind": "delete", "id": "gone"}, {}])
def test_an_action_on_nothing_known_is_let_go(table, message):
    heard = []
    table.on_action(lambda *action: heard.append(action))
    table._handle_custom_msg(message, [])
    assert heard == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_load_nothing_and_never_build_html_from_text(script):
    text = script.read_text()
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "import(", "https://", "fetch("):
        assert forbidden not in text


@needs_node
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_well_formed(script, tmp_path):
    assert run_node(script, "", tmp_path) == ""


@needs_node
def test_missing_values_sort_last_both_ways_and_numbers_in_names_count(tmp_path):
    code = """
    const sorted = (values, up) => [...values].sort((a, b) => compare(a, b, up));
    console.log(JSON.stringify([
      sorted([0.5, null, 0.1, 10], true), sorted([0.5, null, 0.1, 10], false), sorted(["#10", "#9", "", "#1"], true),
    ]));"""
    up, down, names = json.loads(run_node(SCRIPTS[0], code, tmp_path))
    assert up == [0.1, 0.5, 10, None]
    assert down == [10, 0.5, 0.1, None]
    assert names == ["#1", "#9", "#10", ""]


@needs_node
def test_rows_are_sorted_within_their_dev_split_the_one_of_the_first_row_first(tmp_path):
    values = [("b", 0.7), (None, None), ("a", 0.2), ("b", 0.9), ("a", 1.0), ("b", None)]
    rows = [{"id": number, "split": split, "f1": f1} for number, (split, f1) in enumerate(values)]
    code = f"""
    const order = (up, within) => sortRows({json.dumps(rows)}, "f1", up, within).map((row) => row.id);
    console.log(JSON.stringify([order(false, "split"), order(true, "split"), order(false, ""), order(false, "x")]));"""
    down, up, plain, alike = json.loads(run_node(SCRIPTS[0], code, tmp_path))
    assert down == [3, 0, 5, 4, 2, 1]
    assert up == [0, 3, 5, 2, 4, 1]
    assert plain == alike == [4, 3, 0, 2, 1, 5]


@needs_node
def test_values_read_as_people_write_them(tmp_path):
    cases = [
        (5e-5, "rate", "5e-5"),
        (2.5e-4, "rate", "2.5e-4"),
        (1.2589254e-3, "rate", "1.26e-3"),
        (0.1, "rate", "1e-1"),
        (0, "rate", "0"),
        (1, "rate", "1e0"),
        (0.61849, "score", "0.618"),
        (0, "score", "0.000"),
        (None, "score", "–"),
        (0.123456, "number", "0.123"),
        (877.3, "number", "877"),
        (2115.4, "number", "2,115"),
        (12345, "integer", "12,345"),
        (59.6, "duration", "1:00"),
        (3725, "duration", "1:02:05"),
        ("<b>x</b>", "text", "<b>x</b>"),
        (False, "text", "no"),
    ]
    code = f"console.log(JSON.stringify({json.dumps(cases)}.map(([value, kind]) => format(value, kind))));"
    assert json.loads(run_node(SCRIPTS[0], code, tmp_path)) == [text for *_, text in cases]


@needs_node
def test_a_duration_reads_in_the_table_as_everywhere_else(tmp_path):
    durations = [0, 0.5, 1.5, 2.5, 41.6, 59.5, 725, 3599.5, 3725, 360_000]
    code = f"console.log(JSON.stringify({json.dumps(durations)}.map((value) => format(value, 'duration'))));"
    assert json.loads(run_node(SCRIPTS[0], code, tmp_path)) == [format_duration(value) for value in durations]


@needs_node
def test_a_patch_turns_the_old_rows_of_the_page_into_the_new_ones(tmp_path):
    old = [row(1), row(2), row(3)]
    new = [row(4), row(2, f1=0.1), row(1)]
    code = f"console.log(JSON.stringify(applyPatch({json.dumps(old)}, {json.dumps(make_patch(old, new))})));"
    assert json.loads(run_node(SCRIPTS[0], code, tmp_path)) == new


@needs_node
@pytest.mark.parametrize("notes", [0, 3])
def test_of_many_rows_those_near_the_visible_part_are_on_the_page_and_space_stands_for_the_others(tmp_path, notes):
    code = f"""
    const rows = Array.from({{ length: 1000 }}, (_, i) => ({{ note: {notes} && i % {notes or 1} === 0 ? "n" : "" }}));
    const sizes = rows.map((row) => (row.note ? NOTED : PLAIN));
    const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
    const whole = sum(sizes);
    for (const top of [0, 500, 15000, whole - 320, whole]) {{
      const {{ first, last, above, below }} = near(rows, top, 320);
      if (above !== sum(sizes.slice(0, first)) || below !== sum(sizes.slice(last))) console.log("space", top);
      if (above > Math.max(0, top - 500) || whole - below < Math.min(whole, top + 320 + 500)) console.log("gap", top);
      if (last - first > 60) console.log("too many", top, last - first);
    }}"""
    assert run_node(SCRIPTS[0], code, tmp_path) == ""


@needs_node
@pytest.mark.parametrize("count", [0, 1, 150])
def test_a_few_rows_are_all_on_the_page(tmp_path, count):
    code = f"console.log(JSON.stringify(near(Array.from({{ length: {count} }}, () => ({{}})), 0, 320)));"
    found = json.loads(run_node(SCRIPTS[0], code, tmp_path))
    assert found == {"first": 0, "last": count, "above": 0, "below": 0}


def run_node(script, code, folder):
    copy = folder / "script.mjs"
    copy.write_text(script.read_text() + code)
    done = subprocess.run(["node", copy], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
