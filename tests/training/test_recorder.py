import json

import pytest

from labkit.config import RunConfig
from labkit.events import Evaluated, RunFinished, events_of
from labkit.processes import this_process
from labkit.runs.store import Run
from labkit.training import recorder
from labkit.training.recorder import record


@pytest.fixture
def config(tiny_encoder, tiny_corpus):
    return RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=1, lstm_size=16, device="cpu")


@pytest.fixture
def folder(runs_folder, config):
    folder = runs_folder / "run-0001"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": config.as_dict(), "created": 1.0}))
    return folder


def test_the_folder_tells_the_whole_story_with_samples_of_the_device(config, folder, monkeypatch):
    monkeypatch.setattr(recorder, "SAMPLE_INTERVAL_S", 0.02)
    heard = []
    assert record(config, folder, heard.append) == "completed"
    lines = [json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert lines[0] == "run started"
    assert events_of(folder).read()[0].process == this_process()
    assert {"corpus read", "groups audited", "training planned", "step done", "evaluated", "device sampled"} <= set(
        lines
    )
    assert isinstance(heard[-1], RunFinished)
    run = Run(folder)
    assert run.state == "completed"
    assert run.best.f1 == max(event.f1 for event in heard if isinstance(event, Evaluated) and event.part == "dev")
    assert {sample.device for sample in run.samples} == {"cpu"}
    assert (folder / "summary.json").exists()


def test_only_the_main_process_of_several_writes(config, folder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("labkit.training.trainer.train", lambda *_: iter([RunFinished(0.0, "completed", 0)]))
    heard = []
    assert record(config, folder, heard.append) == "completed"
    assert heard == []
    assert not (folder / "events.jsonl").exists()


def test_a_missing_package_is_a_failure_in_words(config, folder, monkeypatch):
    def broken(*_):
        raise ImportError("No module named 'torchcrf'")

    monkeypatch.setattr("labkit.training.trainer.train", broken)
    assert record(config, folder) == "failed"
    last = events_of(folder).read()[-1]
    assert last.reason == "A package is missing: No module named 'torchcrf'."
