"""`python -m labkit pretrain`, called as a terminal calls it."""

import sys
from pathlib import Path

import pytest

from labkit.cli.main import main, pretrain
from labkit.data.pins import ENCODERS
from labkit.pretraining.folder_lock import lock_folder
from tests.pretraining.conftest import sentence

SMALL = ("--steps", 5, "--layers", 1, "--width", 16, "--heads", 2, "--inner", 32, "--vocabulary", 200)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Enough for the longest sequences of the default config."""
    path = tmp_path / "own.txt"
    path.write_text("\n".join("".join(sentence(number)) for number in range(1500)), encoding="utf-8")
    return path


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["labkit", "pretrain", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_an_encoder_comes_out_of_a_text_of_ones_own(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    tested = tmp_path / "tested.txt"
    tested.write_text("".join(sentence(3)), encoding="utf-8")
    assert call(monkeypatch, "--name", "mine", "--text", text, "--spare", tested, *SMALL) == 0
    said = capsys.readouterr()
    folder = tmp_path / "data" / "encoders" / "mine"
    assert said.out.strip() == str(folder)
    assert (folder / "model.safetensors").is_file()
    assert "own.txt: 1,500 lines; left out 1 excluded ones" in said.err
    assert "held-out loss" in said.err
    assert f"pretrain --name mine --text {text}" in (folder / "README.md").read_text(encoding="utf-8")
    assert call(monkeypatch, "--name", "mine", "--text", text, *SMALL) == 1
    assert "holds an encoder already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--minutes", 1, "--steps", 5), "give minutes or steps, one of them"),
        (("--steps", 5, "--width", 30), "width must be an even number for each of 4 heads, not 30"),
        (("--steps", 5, "--name", " "), "name is empty"),
        (("--steps", 5, "--text", "nowhere.txt"), "'nowhere.txt' does not exist"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: tuple[object, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    assert call(monkeypatch, *words) != 0
    said = capsys.readouterr()
    assert not said.out
    assert message in said.err
    assert said.err.count("\n") == 1


def test_too_little_text_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.txt").write_text("今天下雨。", encoding="utf-8")
    assert call(monkeypatch, "--name", tmp_path / "mine", "--text", tmp_path / "short.txt", *SMALL) == 1
    assert "give more text" in capsys.readouterr().err


def test_two_texts_of_one_name_are_both_read_and_one_text_given_twice_is_refused(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other" / text.name
    other.parent.mkdir()
    other.write_text("\n".join("".join(sentence(number)) for number in range(1500, 1600)), encoding="utf-8")
    named = ("--name", tmp_path / "mine", "--text", text, "--text")
    assert call(monkeypatch, *named, other.parent / ".." / text.name, *SMALL) == 1
    assert "is given twice" in capsys.readouterr().err
    assert call(monkeypatch, *named, other, *SMALL) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"{text}: 1,500 lines" in said
    assert f"{other}: 100 lines" in said


def test_the_name_that_is_not_given_is_none_of_an_encoder_that_comes_with_labkit() -> None:
    assert pretrain.make_context("pretrain", []).params["name"] not in {"tiny-zh", *ENCODERS}


def test_a_folder_in_use_is_refused_before_any_text_is_read(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock_folder(tmp_path / "mine"):
        assert call(monkeypatch, "--name", tmp_path / "mine", "--text", text, *SMALL) == 1
    said = capsys.readouterr().err
    assert "another pretraining is at work" in said
    assert "reading the text" not in said
    assert not (tmp_path / "mine").exists()
