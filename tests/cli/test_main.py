"""The commands of `python -m labkit`, called as a terminal calls them."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from labkit import paths
from labkit.cli import tables
from labkit.cli import train as training
from labkit.cli.main import main, train
from labkit.cli.options import config_from_options
from labkit.cli.progress import TrainingProgress
from labkit.cli.train import on_interrupt
from labkit.config import RunConfig, field_types, run_settings
from labkit.events import Evaluated, LineWriter, RunFinished, StepDone, open_event_log
from labkit.presets import STARTER_PAIRS, preset, preset_values
from labkit.runs.store import RunStore
from tests.cli.conftest import Said
from tests.runs.samples import write_run
from tests.tuning.planted import write_planted


def _settings(**given: Any) -> RunConfig:
    """The config that options on a command line lead to."""
    words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    context = train.make_context("train", words)
    known = {name: value for name, value in context.params.items() if name in field_types()}
    return config_from_options(context.params["pair"], context.params["preset"], known)


# --- options


@pytest.mark.parametrize("name", run_settings())
def test_every_setting_is_an_option(name: str) -> None:
    kind, _ = field_types()[name]
    setting, default = run_settings()[name], getattr(RunConfig(), name)
    if kind is bool:
        flag = "--no-" if default else "--"
        context = train.make_context("train", [flag + name.replace("_", "-")])
        assert context.params[name] is (not default)
        return
    text = "2,1" if setting.pattern else "PER=ORG"  # a mapping of types, and a name of anything
    other = setting.choices[-1] if setting.choices else text if kind is str else kind(setting.low or 0)
    assert getattr(_settings(**{name: other}), name) == other


def test_without_options_a_run_is_what_the_lab_starts_with() -> None:
    assert _settings() == preset()


def test_options_are_put_over_pair_and_preset() -> None:
    config = _settings(pair="english", preset="article", head_rate=0.02)
    assert config == RunConfig(**(preset_values("article") | {"head_rate": 0.02}))
    assert (config.encoder, config.corpus) == (STARTER_PAIRS["english"].encoder, STARTER_PAIRS["english"].corpus)


def test_help_of_an_option_tells_range_and_default(labkit: Callable[..., Said]) -> None:
    said = " ".join(labkit("train", "--help").out.split())
    assert "0 freezes it [0 to 0.01, by default 3e-4]" in said
    assert "[0 to 1, by default as the head]" in said
    headings = ("Everyday options", "Rates and steps", "Data", "Machine", "Other options")
    everyday, rates, data, machine, other = (said.index(f"{heading}:") for heading in headings)
    assert everyday < said.index("--pair [") < said.index("--head-rate") < rates < said.index("--crf-rate") < data
    assert data < said.index("--seed") < machine < other < said.index("--runs") < said.index("--help")


# --- errors


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "--epochs", "0"), "--epochs must be between 1 and 50"),
        (("train", "--epochs", "few"), "--epochs"),
        (("train", "--downstream", "gru"), "'gru' is not one of"),
        (("train", "--encoder-rat", "3"), "no option --encoder-rat; nearest: --encoder-rate, --encoder"),
        (("compare", "1"), "two or more runs"),
        (("compare", "1", "2"), "run '1' is not in"),
        (("stop", "seven"), "run 'seven' is not in"),
        (("fetch", "no-such-thing"), "no-such-thing"),
        (("trian",), "trian"),
    ],
)
def test_a_mistake_is_one_readable_line(labkit: Callable[..., Said], words: tuple[str, ...], told: str) -> None:
    said = labkit(*words)
    assert said.code != 0
    assert said.out == ""
    assert re.fullmatch(r"labkit: [^\n]+\n", said.err), said.err
    assert told in said.err


def test_click_speaks_the_language_of_labkit_not_of_the_desktop(
    labkit: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "zh_CN:zh")
    assert "Missing argument 'RUN'" in labkit("stop").err


def test_without_a_command_the_help_is_shown_line_by_line(labkit: Callable[..., Said]) -> None:
    said = labkit()
    assert (said.code, said.err) == (2, "")
    assert said.out == labkit("--help").out


def test_debug_raises_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["labkit", "--debug", "stop", "seven"])
    with pytest.raises(ValueError, match="seven"):
        main()


class Odd(Exception):
    """An unexpected error, like a library's own."""


@pytest.mark.parametrize(
    ("error", "told"), [(Odd("of two\nlines"), "Odd: of two lines"), (KeyError("x"), "KeyError: 'x'"), (Odd(), "Odd")]
)
def test_an_unexpected_error_is_one_line_with_its_kind_unless_asked_for_more(
    labkit: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(RunStore, "get", fails)
    said = labkit("stop", "1")
    assert (said.code, said.out, said.err) == (1, "", f"labkit: {told}\n")
    with pytest.raises(type(error)):
        labkit("--debug", "stop", "1")


# --- reading runs


def test_runs_lists_each_run_with_its_state_and_score(labkit: Callable[..., Said], runs_folder: Path) -> None:
    write_run(runs_folder, RunConfig(head_rate=1e-3))
    write_run(runs_folder, RunConfig(head_rate=1e-2), state="failed")
    said = labkit("runs")
    lines = said.out.splitlines()
    assert said.code == 0
    assert [line.split()[0] for line in lines[1:]] == ["#1", "#2"]
    assert "completed" in lines[1]
    assert "failed" in lines[2]
    best = RunStore(runs_folder).get(1).best
    assert best is not None
    assert f"{best.f1:.3f}" in lines[1]
    assert lines[1].index(f"{best.f1:.3f}") < lines[1].index(f"{best.loss:.4f}")


def test_runs_as_json_can_be_read_back(labkit: Callable[..., Said], runs_folder: Path) -> None:
    folder = write_run(runs_folder, RunConfig(batch_size=4))
    (told,) = json.loads(labkit("runs", "--json").out)
    run = RunStore(runs_folder).get(1)
    assert run.best is not None
    assert told["folder"] == str(folder)
    assert (told["state"], told["dev_f1"], told["step"]) == (run.state, run.best.f1, run.summary().step)
    assert (told["dev_loss"], told["loss"]) == (run.best.loss, run.summary().loss)
    assert RunConfig.from_dict(told["config"]) == RunConfig(batch_size=4)


@pytest.mark.parametrize("gold", [0, 1])
def test_a_score_is_shown_with_its_entities_and_none_without_any(
    labkit: Callable[..., Said], runs_folder: Path, gold: int
) -> None:
    folder = write_run(runs_folder, state="stopped")
    writer = LineWriter(folder / "events.jsonl")
    f1 = float(gold)
    for part in ("dev", "test"):
        writer.write(Evaluated(99.0, 150, 1.5, 9, 0.5, f1, f1, f1, {}, part, gold=gold, predicted=gold))
    writer.close()
    (told,) = json.loads(labkit("runs", "--json").out)
    assert (told["test_f1"], told["test_entities"]) == ((1.0, 1) if gold else (None, 0))
    line = labkit("runs").out.splitlines()[1]
    assert line.count("1.000 (1)") == (2 if gold else 0)
    assert "0.000" not in line
    assert told["best_epoch"] == (1.5 if gold else 1.0)


def test_the_best_of_each_dev_split_is_bold_and_the_split_is_told(runs_folder: Path) -> None:
    for dev, rate in (("a", 1e-2), ("a", 5e-3), ("b", 5e-3), ("b", 1e-2), ("c", 5e-3)):
        write_run(runs_folder, RunConfig(head_rate=rate), 60, dev_sha256=dev)
    table = tables.runs_table(RunStore(runs_folder).runs())
    assert [row.style for row in table.rows] == ["", "bold", "bold", "", ""]
    (split,) = [column for column in table.columns if column.header == "dev split"]
    assert list(split.cells) == ["wnut16 · 120"] * 2 + ["wnut16 · 120 (2)"] * 2 + ["wnut16 · 120 (3)"]
    table = tables.runs_table(RunStore(runs_folder).runs()[:2])
    assert "dev split" not in {column.header for column in table.columns}


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        (0, "step 10: no F1, as there is no entity in the test split, loss 0.5000"),
        (1, "step 10: test F1 1.000 (precision 1.000, recall 1.000, 1 entity), loss 0.5000"),
        (1234, "step 10: test F1 1.000 (precision 1.000, recall 1.000, 1,234 entities), loss 0.5000"),
    ],
)
def test_a_line_of_progress_tells_what_a_score_rests_on(gold: int, said: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    f1 = float(gold > 0)
    TrainingProgress(console).update(Evaluated(9.0, 10, 1.0, 9, 0.5, f1, f1, f1, {}, "test", gold=gold))
    assert said in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_folder_without_runs_is_no_error(labkit: Callable[..., Said]) -> None:
    said = labkit("runs")
    assert (said.code, said.out) == (0, "")
    assert "no runs" in said.err


def test_a_name_with_markup_in_it_is_shown_as_it_is(labkit: Callable[..., Said], runs_folder: Path) -> None:
    write_run(runs_folder)
    store = RunStore(runs_folder)
    store.rename(store.get(1), "[red]hot[/red] [/]")
    said = labkit("runs")
    assert said.code == 0
    assert "[red]hot[/red] [/]" in said.out


def test_compare_shows_what_differs_and_nothing_that_does_not(labkit: Callable[..., Said], runs_folder: Path) -> None:
    write_run(runs_folder, RunConfig(head_rate=1e-3))
    write_run(runs_folder, RunConfig(head_rate=2e-2))
    said = labkit("compare", "1", runs_folder / "run-0002").out
    assert "1e-3" in said
    assert "2e-2" in said
    assert "wnut16" not in said


def test_compare_draws_a_picture(labkit: Callable[..., Said], runs_folder: Path, tmp_path: Path) -> None:
    for rate in (1e-3, 1e-2):
        write_run(runs_folder, RunConfig(head_rate=rate))
    picture = tmp_path / "both.png"
    assert labkit("compare", 1, 2, "--png", picture, "--x", "epoch").code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_advise_tells_what_is_the_matter_and_the_options_that_mend_it(
    labkit: Callable[..., Said], runs_folder: Path
) -> None:
    write_planted(runs_folder / "run-0001", f1=(0.0, 0.0, 0.0), head=0.05, head_rate=5e-5)
    write_planted(runs_folder / "run-0002", done=0.2)
    said = labkit("advise", 1, 2)
    assert (said.code, said.out.splitlines()[2:]) == (0, ["  try: --head-rate 1e-2", "#2: nothing to say"])
    assert said.out.startswith("#1, alarm: F1 is 0.000: the head has moved only 5 % of its own size")
    assert "\n  A head starts from random numbers" in said.out
    [first, second] = json.loads(labkit("advise", 1, 2, "--json").out)
    assert first["advice"][0]["why"].startswith("A head starts")
    assert [(one["rule"], one["level"], one["remedy"]) for one in first["advice"]] == [
        ("head-still", "alarm", {"head_rate": 1e-2})
    ]
    assert second["advice"] == []


def test_stopping_a_finished_run_says_so(labkit: Callable[..., Said], runs_folder: Path) -> None:
    write_run(runs_folder)
    said = labkit("stop", "1")
    assert said.code == 1
    assert "#1 is completed already" in said.err


def test_stopping_a_live_run_leaves_word_for_it(labkit: Callable[..., Said], runs_folder: Path) -> None:
    folder = write_run(runs_folder, state="running")
    assert labkit("stop", "1").code == 0
    assert "stop asked" in (folder / "control.jsonl").read_text()


def test_runs_tells_what_is_damaged_beside_the_table(labkit: Callable[..., Said], runs_folder: Path) -> None:
    for _ in range(2):
        write_run(runs_folder)
    (runs_folder / "run-0001" / "label.json").write_bytes(b'{"name":"\xff"}')
    said = labkit("runs")
    assert (said.code, len(said.out.splitlines())) == (0, 3)
    assert said.err.startswith("#1: label.json of run-0001 cannot be read: ")
    assert len(said.err.splitlines()) == 1


def test_runs_tells_of_a_queue_that_nobody_lets_go_on_and_starts_it_when_asked(
    labkit: Callable[..., Said], runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(runs_folder, state="interrupted")  # run and server were killed together
    for _ in range(2):
        write_run(runs_folder, state="queued")
    told = "queued, but no run trains: #2, #3; labkit runs --start starts them\n"
    assert labkit("runs").err == told
    assert (labkit("runs", "--json").err, len(json.loads(labkit("runs", "--json").out))) == (told, 3)
    started: list[Path] = []
    monkeypatch.setattr("labkit.jobs.launch.start_next", lambda runs: started.append(runs))
    labkit("runs", "--start")
    assert started == [runs_folder]
    write_run(runs_folder, state="running")
    assert labkit("runs").err == ""


@pytest.mark.parametrize("nothing", ["", " "])
def test_nothing_is_no_run(labkit: Callable[..., Said], runs_folder: Path, nothing: str) -> None:
    folder = write_run(runs_folder, state="running")
    for words in (["stop", nothing], ["compare", nothing, nothing], ["predict", nothing, "a text"]):
        said = labkit(*words)
        assert said.code == 1
        assert "is not in" in said.err
    assert not (folder / "control.jsonl").exists()


def test_help_and_the_table_of_runs_do_not_load_what_they_do_not_need(runs_folder: Path) -> None:
    write_run(runs_folder)
    program = "import sys\nfrom labkit.cli.main import main\ntry:\n    main()\nfinally:\n    print(*sys.modules)\n"
    for words, heavy in ((["--help"], {"torch", "matplotlib", "numpy"}), (["runs"], {"torch", "matplotlib"})):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not heavy & set(done.stdout.split())


# --- assets and devices


def test_fetch_lists_what_there_is(labkit: Callable[..., Said]) -> None:
    said = labkit("fetch", "--list").out
    assert {"minilm", "wnut16", "msra"} <= set(said.split())


def test_devices_names_the_cpu(labkit: Callable[..., Said]) -> None:
    assert re.search(r"^cpu: .*cores", labkit("devices").out, re.MULTILINE)


# --- the lab


@pytest.fixture
def jupyterlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments that JupyterLab, which is not started, was given in an empty folder."""
    given: list[str] = []
    app = SimpleNamespace(LabApp=SimpleNamespace(launch_instance=given.extend))
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", app)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return given


def test_the_lab_opens_a_copy_of_the_notebook_and_never_writes_over_it(
    labkit: Callable[..., Said], jupyterlab: list[str]
) -> None:
    assert labkit("lab", "--no-browser", "--port", 9999).code == 0
    copy = next(Path.cwd().iterdir())
    assert jupyterlab[0] == f"--LabApp.default_url=/lab/tree/{copy.name}"
    assert jupyterlab[-3:] == ["--no-browser", "--port", "9999"]
    assert "TuningLab" in copy.read_text(encoding="utf-8")
    copy.write_text("edited")
    assert labkit("lab").code == 0
    assert copy.read_text() == "edited"


def test_in_the_checkout_the_lab_opens_the_notebook_where_it_lies(
    labkit: Callable[..., Said], jupyterlab: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(paths.shipped())
    assert labkit("lab").code == 0
    assert jupyterlab[0] == "--LabApp.default_url=/lab/tree/notebooks/01_tuning_lab.ipynb"


def test_without_jupyterlab_the_lab_says_what_to_install(
    labkit: Callable[..., Said], jupyterlab: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    said = labkit("lab")
    assert said.code == 1
    assert "python -m pip install jupyterlab" in said.err
    assert list(Path.cwd().iterdir()) == []


# --- training


@pytest.fixture
def words(tiny_encoder: Path, tiny_corpus: Path) -> list[str]:
    """The command that trains something tiny."""
    given = ["--encoder", str(tiny_encoder), "--corpus", str(tiny_corpus), "--device", "cpu", "--precision", "float32"]
    return ["train", *given, "--encoder-rate", "1e-3", "--head-rate", "1e-2", "--lstm-size", "16"]


def test_train_ends_stdout_with_the_run_folder_and_stderr_with_score_and_next_command(
    labkit: Callable[..., Said], words: list[str]
) -> None:
    said = labkit(*words, "--epochs", 2, "--name", "first try")
    assert said.code == 0, said.err
    run = RunStore().get(said.out.splitlines()[-1])
    assert (run.state, run.name) == ("completed", "first try")
    assert run.config is not None
    assert run.config.epochs == 2
    assert run.best is not None
    *_, result, advice, _, remedy = said.err.splitlines()
    assert re.fullmatch(
        rf"#1: best dev F1 {run.best.f1:.3f} \(\d+ entities\) at epoch [12] of 2, took 0:\d\d; "
        'try: labkit predict 1 "…"',
        result,
    )
    assert advice.startswith("#1, alarm: F1 is 0.000: 6 steps are too few")
    assert remedy.startswith("  try: --epochs")


def test_the_end_of_a_run_names_a_command_that_works_where_it_left_no_weights_or_no_score(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "my runs", RunConfig(epochs=1))
    told = training.describe_result(folder, folder.parent)
    assert told.endswith(f"try: labkit runs --runs '{folder.parent}'")
    folder = write_run(tmp_path / "my runs", RunConfig(epochs=1), state="stopped")
    (folder / "last").mkdir()
    told = training.describe_result(folder, None)
    assert re.fullmatch(r'#2: no F1 on dev, took 0:\d\d; try: labkit predict 2 "…"', told)


def test_a_profiled_run_ends_with_where_its_time_went(labkit: Callable[..., Said], words: list[str]) -> None:
    said = labkit(*words, "--profile")
    assert said.code == 0, said.err
    told = said.err[said.err.index("Where the time went") :]
    for part in ("loading", "encoder", "downstream", "CRF", "weight update", "evaluation", "profiling"):
        assert re.search(rf"^{part} +\d+\.\d +\d+(\.\d)? %", told, re.MULTILINE), part
    operators = re.findall(
        r"^(\w.*?) +\d+ +[\d.,]+ ms +\d+(?:\.\d)? %", told[told.index("Operators of") :], re.MULTILINE
    )
    assert len(operators) >= 10
    assert "FusedLayersBackward" in operators  # addmm is no longer one of the longest in every run of so small a model
    folder = Path(said.out.splitlines()[-1])
    assert str(folder / "trace.json.gz") in told
    assert (folder / "trace.json.gz").is_file()


def test_a_trained_run_predicts(labkit: Callable[..., Said], words: list[str]) -> None:
    labkit(*words, "--epochs", 12, "--batch-size", 4, "--keep", "best", "--dropout", 0)
    said = labkit("predict", "1", "anna lives in berlin .")
    assert said.code == 0, said.err
    rows = [line.split("\t") for line in said.out.splitlines()]
    tagged = {word: tag for word, tag, *_ in rows}
    assert list(tagged) == ["anna", "lives", "in", "berlin", "."]
    assert (tagged["anna"], tagged["lives"], tagged["berlin"]) == ("B-PER", "O", "B-LOC")
    assert {word: bool(sure) for word, _, *sure in rows} == {word: tag != "O" for word, tag in tagged.items()}
    assert all(0 < float(share) <= 1 for _, _, *sure in rows for share in sure)


def test_a_changed_setting_and_another_run_are_told_before_anything_is_loaded(
    labkit: Callable[..., Said], words: list[str], runs_folder: Path
) -> None:
    write_run(runs_folder, state="running")
    said = labkit(*words, "--max-pieces", 4096, "--epochs", 1)
    lines = said.err.splitlines()
    assert "also training on this machine: #1; each takes longer" in lines
    assert lines.index("The longest window is 128, not 4096: the encoder reads no more.") < lines.index(
        "loading the encoder"
    )
    assert said.err.count("The longest window is 128") == 1


def test_what_is_to_be_known_of_predictions_is_on_stderr(
    labkit: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, runs_folder: Path, tmp_path: Path
) -> None:
    write_run(runs_folder)
    found = {"words": ["anna"], "tags": ["O"], "entities": [], "seconds": 0.1, "note": "take care"}
    monkeypatch.setattr("labkit.training.prediction.predict_text", lambda *_: found)
    assert labkit("predict", "1", "anna") == Said(0, "anna\tO\n", "take care\n")
    monkeypatch.setattr("labkit.training.prediction.predict_table", lambda *given: given[-1]("take care") or iter([]))
    (tmp_path / "in.csv").write_text("id,title,text\n7,a,anna\n")
    assert labkit("predict", "1", "--csv", tmp_path / "in.csv").err == "take care\n"


def test_a_trained_run_predicts_a_table(labkit: Callable[..., Said], words: list[str], tmp_path: Path) -> None:
    labkit(*words, "--epochs", 1, "--keep", "best")
    (tmp_path / "in.csv").write_text('id,title,text\n7,"a, b",c\n8,"",""\n')
    said = labkit("predict", "1", "--csv", tmp_path / "in.csv")
    assert (said.code, said.err) == (0, "")
    assert [line.split(",")[0] for line in said.out.splitlines()] == ["id", "7", "8"]
    out = tmp_path / "out.csv"
    asked = ("predict", "1", "--csv", tmp_path / "in.csv")
    assert labkit(*asked, "--out", out, "--type", "PER", "--type", "LOC").code == 0
    assert out.read_text() == said.out
    said = labkit(*asked, "--type", "PERSON")
    assert (said.code, said.out) == (1, "")
    assert said.err == "labkit: type must be one of LOC, PER, which the run was trained on, not 'PERSON'\n"
    assert sorted(path.name for path in tmp_path.glob("*.csv*")) == ["in.csv", "out.csv"]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, runs_folder: Path, tmp_path: Path) -> list[object]:
    """The command `predict --csv` with a fake tagger, up to --out."""
    write_run(runs_folder)
    monkeypatch.setattr("labkit.training.prediction.predict_table", lambda *_: iter([("7", "anna")]))
    (tmp_path / "in.csv").write_text("id,title,text\n7,a,anna\n")
    return ["predict", "1", "--csv", tmp_path / "in.csv", "--out"]


@pytest.mark.parametrize("there", [True, False])
def test_a_table_is_written_to_what_a_link_leads_to(
    labkit: Callable[..., Said], found: list[object], tmp_path: Path, there: bool
) -> None:
    target, link = tmp_path / "elsewhere" / "target.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    link.symlink_to(target)
    assert labkit(*found, link).code == 0
    assert link.is_symlink()
    assert target.read_text() == "id,unknownEntities\n7,anna\n"
    assert [path.name for path in target.parent.iterdir()] == ["target.csv"]


def test_a_table_is_written_into_a_pipe_which_stays_one(
    labkit: Callable[..., Said], found: list[object], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert labkit(*found, pipe).code == 0
        assert pipe.is_fifo()
        assert os.read(reading, 999) == b"id,unknownEntities\n7,anna\n"
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    "asked",
    [[], ["anna", "--csv"], ["anna", "--file"], ["anna", "--out"], ["anna", "--type"], ["--format", "brat", "--csv"]],
)
def test_predict_takes_either_a_text_or_a_table(labkit: Callable[..., Said], tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "t.csv").touch()
    said = labkit("predict", "1", *asked, *([tmp_path / "t.csv"] if asked else []))
    assert said.code == 2
    assert "TEXT, or --csv FILE" in said.err


def test_a_table_that_cannot_be_read_is_one_line_and_writes_nothing(
    labkit: Callable[..., Said], runs_folder: Path, tmp_path: Path
) -> None:
    write_run(runs_folder)
    (tmp_path / "in.csv").write_text("id,text\n")
    said = labkit("predict", "1", "--csv", tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert (said.code, said.out) == (1, "")
    assert re.fullmatch(r"labkit: .*in\.csv:1: no column title; [^\n]+\n", said.err)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--corpus", "wnut61"), "unknown corpus 'wnut61': not a file"),
        (("--encoder", "mini lm"), "unknown encoder 'mini lm': neither a folder nor a valid hub name"),
        (("--epochs", "51"), "--epochs must be between 1 and 50, not 51"),
        (("--idcnn-dilations", "1;2"), "--idcnn-dilations must look like 1,1,2"),
        (("--decoder", "softmax", "--crf-rate", "1e-2"), "there is no CRF for a CRF rate of 0.01"),
        (("--precision", "float16"), "precision float16 is not possible on a CPU"),
        (("--trackers", "wandbb"), "trackers: accelerate knows no 'wandbb'"),
    ],
)
def test_a_wrong_setting_leaves_no_run_behind(
    labkit: Callable[..., Said], words: list[str], runs_folder: Path, wrong: tuple[str, ...], told: str
) -> None:
    said = labkit(*words, *wrong)
    assert (said.code, said.out) == (1, "")
    assert re.fullmatch(r"labkit: [^\n]+\n", said.err), said.err
    assert told in said.err
    assert not runs_folder.exists()


def test_a_wrong_setting_is_told_before_torch_is_loaded(runs_folder: Path) -> None:
    program = (
        "import sys\nfrom labkit.cli.main import main\ntry:\n    main()\n"
        "finally:\n    print(*{'torch', 'numpy', 'transformers', 'accelerate', 'matplotlib'} & sys.modules.keys())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "--corpus", "nowhere"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "\n")
    assert not runs_folder.exists()


def test_a_terminal_tells_no_loss_below_zero_and_what_is_odd_of_a_run_that_ended_well() -> None:
    said = io.StringIO()
    with TrainingProgress(Console(file=said, width=200)) as progress:
        progress.update(Evaluated(1.0, 5, 1.0, 99, -1e-7, 1.0, 1.0, 1.0, {}))
        progress.update(RunFinished(1.0, "completed", 5, "The dev loss is odd.", "Lower it."))
    assert "loss 0.0000" in said.getvalue()
    assert said.getvalue().splitlines()[-1] == "The dev loss is odd. Lower it."


def test_a_run_that_fails_says_why_and_exits_with_1(
    labkit: Callable[..., Said], words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "train.txt").write_text("anna\tO\n\nben\tX-PER\n")
    said = labkit(*words, "--corpus", tmp_path / "train.txt")
    run = RunStore().get(1)
    assert said.code == 1
    assert run.state == "failed"
    assert run.finished is not None
    last = said.err.splitlines()[-1]
    assert last.startswith("labkit: ")
    assert run.finished.reason in last
    assert "Traceback" not in said.err
    assert said.out.splitlines()[-1] == str(run.folder)


@pytest.mark.parametrize(
    ("state", "reason", "told"), [("failed", "It burnt.", (1, "", "labkit: It burnt.\n")), ("stopped", "", (0, "", ""))]
)
def test_a_process_without_a_say_tells_how_it_failed_and_nothing_else(
    labkit: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, reason: str, told: Said
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(training, "create_run_folder", lambda *_: tmp_path)
    monkeypatch.setattr("labkit.training.trainer.train", lambda *_: iter([RunFinished(1.0, state, 3, reason)]))
    assert labkit("train") == told


@pytest.fixture
def start(words: list[str], runs_folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a long training in a process of its own, and waits for its first step."""
    started: list[subprocess.Popen[str]] = []

    def call(*launcher: str) -> subprocess.Popen[str]:
        command = [sys.executable, *(launcher or ("-m", "labkit")), *words, "--epochs", "50", "--batch-size", "1"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        started.append(process)
        _wait_for(lambda: any(isinstance(event, StepDone) for event in _events(runs_folder)), process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _events(runs_folder: Path) -> list[Any]:
    return open_event_log(runs_folder / "run-0001").read()


def _wait_for(happened: Callable[[], bool], process: subprocess.Popen[str], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def test_ctrl_c_stops_after_the_step_and_keeps_the_model(
    start: Callable[..., subprocess.Popen[str]], runs_folder: Path
) -> None:
    process = start()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    finished = _events(runs_folder)[-1]
    assert isinstance(finished, RunFinished)
    assert finished.state == "stopped"
    assert (runs_folder / "run-0001" / "last" / "model.safetensors").is_file()
    assert out.splitlines()[-1] == str(runs_folder / "run-0001")
    assert "Ctrl-C again aborts" in err


def test_the_second_ctrl_c_aborts_and_a_termination_never_does() -> None:
    asked: list[str] = []
    with pytest.raises(KeyboardInterrupt), on_interrupt(lambda: asked.append("stop")):
        _send(signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
    assert asked == ["stop"]
    with on_interrupt(lambda: asked.append("again")):
        _send(signal.SIGINT, signal.SIGTERM)
    assert asked == ["stop", "again"]


def _send(*numbers: signal.Signals) -> None:
    for number in numbers:
        signal.raise_signal(number)


def test_aborting_is_one_line_and_130(labkit: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train_in_terminal", interrupted)
    said = labkit("train")
    assert (said.code, said.err) == (130, "\nlabkit: aborted\n")  # after the terminal's ^C


def test_several_processes_make_one_run(words: list[str], runs_folder: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "labkit"]
    done = subprocess.run([*launcher, *words, "--epochs", "1"], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in runs_folder.glob("run-*")] == ["run-0001"]
    run = RunStore(runs_folder).get(1)
    assert run.state == "completed"
    assert run.plan is not None
    assert run.plan.processes == 2
    assert done.stdout.splitlines() == [str(run.folder)]
