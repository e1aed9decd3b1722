"""Terminal output: control characters are escaped, unencodable ones replaced."""

import ast
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.cli import output
from labkit.cli.output import (
    LogFormatter,
    escape_controls,
    escape_markup,
    make_console,
    write_data,
    write_message,
)
from labkit.cli.tables import plain_table
from labkit.config import RunConfig
from labkit.i18n import translation
from labkit.runs.store import RunStore
from tests.runs.samples import write_run

WIPES = "\x1b[2Jb"
OBEYED = [WIPES, "\x9b2J", "\x07", "\b\b", "\r#9", "\u202egnp", "\u2066", "\u2028", "\x7f", "\x00"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_LANGUAGE", raising=False)
    monkeypatch.setattr(translation, "_language", None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("text", OBEYED)
def test_what_a_terminal_would_obey_is_written_out(text: str) -> None:
    told = escape_controls(f"a{text}z")
    assert told.isprintable()
    assert told.startswith("a")
    assert told.endswith("z")


def test_lines_and_words_of_any_script_stay_as_they_are() -> None:
    text = "a\tb\n王小明 👨\u200d👩\u200d👧 می\u200cخواهم naïve"
    assert escape_controls(text) == text
    assert escape_controls("a\nb\tc", keep="") == r"a\nb\tc"
    assert escape_markup("[red]a\n[/]") == r"\[red]a\n\[/]"


@pytest.mark.parametrize("text", OBEYED)
def test_no_way_to_a_terminal_lets_through_what_it_would_obey(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("NO_COLOR", "1")
    write_message(text)
    write_message(text, err=True)
    write_data(text)
    make_console().print(plain_table(["name", text], [(text, "b")]))
    make_console().print(text)
    record = logging.LogRecord("labkit", logging.WARNING, "", 1, "%s", (text,), None)
    err.write(LogFormatter("%(message)s").format(record))
    try:
        raise ValueError(text)
    except ValueError as error:
        output.write_traceback(type(error), error, error.__traceback__)
    for told in (out.getvalue(), err.getvalue()):
        assert text not in told
        assert escape_controls(text) in told


def test_data_goes_out_as_it_is_to_another_program(capsys: pytest.CaptureFixture[str]) -> None:
    write_data(f"{WIPES}\tO\n")
    assert capsys.readouterr().out == f"{WIPES}\tO\n"


def test_names_like_emoji_or_markup_stay_names(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(plain_table(["name"], [(":red_circle:",), ("[red]x",), ("one\ntwo",)]))
    assert [line.strip() for line in capsys.readouterr().out.splitlines()][1:] == [
        ":red_circle:",
        "[red]x",
        r"one\ntwo",
    ]


@pytest.fixture
def odd_runs(runs_folder: Path) -> None:
    write_run(runs_folder, RunConfig(corpus=f"{WIPES} – 语料"))
    write_run(runs_folder, RunConfig(epochs=5), state="failed")
    store = RunStore(runs_folder)
    store.rename(store.get(1), f"{WIPES} ★ – 中文")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
def test_every_command_can_write_in_every_encoding(odd_runs: None, encoding: str, language: str) -> None:
    program = (
        "import sys\nfrom labkit.cli.main import main\n"
        "for words in [['runs'], ['runs', '--json'], ['compare', '1', '2'], ['devices'], ['fetch', '--list'],\n"
        "              ['--help'], ['train', '--help'], ['stop', '★'], ['stop', '1'],\n"
        "              ['train', '--corpus', '\\x1b[2J语料']]:\n"
        "    sys.argv = ['labkit', *words]\n"
        "    try:\n        main()\n    except SystemExit as ended:\n        print(ended.code)\n"
    )
    surroundings = {"PYTHONIOENCODING": encoding, "LABKIT_LANGUAGE": language}
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **surroundings}, capture_output=True)
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.stderr.count(b"labkit: ") == 3
    out = done.stdout.decode(encoding)
    assert b"\x1b" not in done.stdout + done.stderr
    told = r"\x1b[2Jb " + {"ascii": "* - ??", "latin-1": "* - ??"}.get(encoding, "★ – 中文")
    assert out.count(told) == 2
    assert ("状态" in out) == (language == "zh" and encoding in ("gbk", "utf-8"))
    listed = out[out.index("[\n") : out.index("\n]\n") + 2]
    assert json.loads(listed)[0]["name"] == f"{WIPES} ★ – 中文"


def test_an_unknown_language_is_one_readable_line() -> None:
    for words in (["runs"], ["--help"], ["train", "--epochs", "0"]):
        done = subprocess.run(
            [sys.executable, "-m", "labkit", *words],
            env={**os.environ, "LABKIT_LANGUAGE": "xx"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "labkit: LABKIT_LANGUAGE must be one of en, zh, not 'xx'\n"


def test_a_traceback_that_was_asked_for_is_made_visible_too() -> None:
    done = subprocess.run([sys.executable, "-m", "labkit", "--debug", "stop", WIPES], capture_output=True, text=True)
    assert "Traceback" in done.stderr
    assert "\x1b" not in done.stderr


def test_everything_goes_through_the_one_module_that_writes_to_a_terminal() -> None:
    package = Path(output.__file__).parents[1]
    files = sorted((package / "cli").glob("*.py"))
    others = {"click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "Console", "rich.print"}
    wrong = [
        f"{file.name}, line {node.lineno}: {called}"
        for file in files
        if file.name != "output.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in others
    ]
    assert wrong == []
