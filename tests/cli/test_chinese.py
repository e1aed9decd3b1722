"""The command line in Chinese; data for other programs stays unchanged."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from labkit.cli.main import main
from labkit.cli.output import make_console
from labkit.cli.progress import TrainingProgress
from labkit.cli.time_tables import time_table
from labkit.cli.train import describe_result
from labkit.config import RunConfig
from labkit.events import (
    CheckpointSaved,
    CorpusRead,
    Evaluated,
    PhaseEntered,
    RateChanged,
    RunFinished,
    StepDone,
    TimeBreakdown,
    TrainingPlanned,
)
from labkit.i18n import translation
from labkit.messages import Message
from labkit.runs.store import RunStore
from tests.i18n.test_translation import english_in
from tests.runs.samples import write_run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "_language", None)
    monkeypatch.setenv("LABKIT_LANGUAGE", "zh_CN.UTF-8")
    monkeypatch.setenv("LANGUAGE", "")  # which the command sets for click


@pytest.fixture
def labkit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command in this process."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["labkit", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_tables_of_runs_are_chinese_but_for_names(labkit: Call, runs_folder: Path) -> None:
    states = ["completed", "failed", "running", "stopped", "queued"]
    for number, state in enumerate(states):
        downstream = "none" if number else "bilstm"
        write_run(
            runs_folder, RunConfig(epochs=number + 1, downstream=downstream, keep="best", seed=number), state=state
        )
    store = RunStore(runs_folder)
    store.rename(store.get(2), "best")
    for words in (("runs",), ("compare", "1", "2", "3", "4", "5")):
        code, out, err = labkit(*words)
        assert (code, err) == (0, "")
        assert english_in(out.replace("best", "")) == []
        assert "best" in out, "a name that somebody gave stays"
        assert "已完成" in out
        assert "失败" in out


def test_what_other_programs_read_stays_as_it_is(labkit: Call, runs_folder: Path) -> None:
    write_run(runs_folder)
    (told,) = json.loads(labkit("runs", "--json")[1])
    assert {"number", "folder", "state", "dev_f1", "config"} <= set(told)
    assert told["state"] == "completed"


@pytest.mark.parametrize(
    "words",
    [
        ("stop", "7"),
        ("stop", "1"),
        ("compare", "1"),
        ("predict", "1"),
        ("trian",),
        ("train", "--epoch-s", "3"),
        ("train", "--epochs", "few"),
        ("train", "--epochs", "51"),
        ("train", "--downstream", "gru"),
        ("train", "--corpus", "nowhere"),
        ("train", "--encoder", "mini lm"),
        ("train", "--name"),
        ("train", "--head", "3"),
        ("predict",),
        ("stop", "1", "2"),
        ("fetch", "nowhere"),
    ],
)
def test_what_went_wrong_is_chinese(labkit: Call, runs_folder: Path, words: tuple[str, ...]) -> None:
    write_run(runs_folder)
    code, out, err = labkit(*words)
    assert (code != 0, out) == (True, "")
    assert err.startswith("labkit: ")
    names = {"nowhere", "epochs", "trian", "epoch", "few", "gru", "downstream", "idcnn", "help", "name", "msra", "lm"}
    names |= {"train", "compare", "predict", "stop", "TEXT", "csv", "TYPE", "type", "FILE", "out", "mini", "snownlp"}
    names |= {"tiny", "none", "pretrain", "RUN", "head", "rate", "seed", "integer", "min", "file", "PATH", "format"}
    assert [word for word in english_in(err) if word not in names] == []


def test_a_run_as_it_goes_is_chinese() -> None:
    told = io.StringIO()
    progress = TrainingProgress(Console(file=told, width=200))
    note = Message("The longest window is {longest}, not {asked}: the encoder reads no more.", longest=128, asked=512)
    for event in (
        PhaseEntered(0.1, Message("loading the encoder")),
        CorpusRead(0.2, "best", "", 1234, 5, 6, 7, ["O", "B-X"], [note]),
        TrainingPlanned(0.3, 9, 3, "cpu", "cpu", "float32", 1, ""),
        StepDone(0.4, 1, 0.3, 1.5, {"head": 1e-3}, {}, 100),
        StepDone(0.5, 2, 0.6, 1.5, {"head": 1e-3}, {}, 200),
        RateChanged(0.6, 2, "head", 1e-4),
        Evaluated(0.7, 3, 1.0, 300, 0.5, 0.1, 0.2, 0.3, {}, "dev"),
        Evaluated(0.8, 9, 3.0, 900, None, 0.1, 0.2, 0.3, {}, "test"),
        CheckpointSaved(0.9, 9, "last"),
        RunFinished(1.0, "completed", 9),
    ):
        progress.update(event)
    lines = told.getvalue().splitlines()
    assert "best" in lines[1], "a corpus is called as it is called"
    assert english_in(told.getvalue().replace("best", "")) == []
    assert len(lines) == 8


def test_the_end_of_a_run_is_chinese_but_for_the_command(runs_folder: Path) -> None:
    told, command = translation.tr(describe_result(write_run(runs_folder), None)).split("labkit ")
    assert (english_in(told), command) == ([], "runs")


def test_where_the_time_went_is_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(time_table(TimeBreakdown(9.0, 3, {"loading": 3.0, "encoder": 2.0, "profiling": 1.0})))
    assert english_in(capsys.readouterr().out) == []


def test_devices_and_the_helps_of_settings_are_chinese(labkit: Call) -> None:
    _, out, _ = labkit("devices")
    assert "可以读取：利用率" in out
    _, out, _ = labkit("train", "--help")
    assert "预训练编码器的峰值学习率；0 表示冻结" in " ".join(out.split())
    assert "默认" in out
    assert "by default" not in out
    assert "用法:" in out
    _, out, _ = labkit("fetch", "--list")
    assert "BERT，6 层，384 维，英文，小写" in out
    _, out, _ = labkit("--help")
    assert "列出全部实验，最新的在最后。" in out
