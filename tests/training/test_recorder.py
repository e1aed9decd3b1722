import builtins
import errno
import json
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from labkit.config import RunConfig
from labkit.events import DeviceSampled, Evaluated, LineWriter, PhaseEntered, RunFinished, RunStarted, open_event_log
from labkit.runs.store import Run
from labkit.training import recorder
from labkit.training.recorder import record
from tests.devices.fake_nvml import MIB, FakeGpu, FakeLibrary, install
from tests.waiting import until


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
    begun = open_event_log(folder).read()[0]
    assert (begun.pid, begun.host) == (os.getpid(), socket.gethostname())
    assert {"corpus read", "groups audited", "training planned", "step done", "evaluated", "device sampled"} <= set(
        lines
    )
    assert isinstance(heard[-1], RunFinished)
    run = Run(folder)
    assert run.state == "completed"
    assert run.best.f1 == max(event.f1 for event in heard if isinstance(event, Evaluated) and event.split == "dev")
    assert {sample.device for sample in run.samples} == {"cpu"}
    assert (folder / "summary.json").exists()


def test_a_runs_first_line_is_written_before_torch_is_imported(config, folder):
    """A user waits for that line; importing torch takes seconds."""
    program = (
        "import json, pathlib, sys\nfrom labkit.config import RunConfig\nfrom labkit.training.recorder import record\n"
        "def check(event):\n"
        "    assert not {'torch', 'numpy'} & sys.modules.keys()\n"
        "    sys.exit(len((pathlib.Path(sys.argv[2]) / 'events.jsonl').read_text().splitlines()))\n"
        "record(RunConfig.from_dict(json.loads(sys.argv[1])), pathlib.Path(sys.argv[2]), check)\n"
    )
    command = [sys.executable, "-c", program, json.dumps(config.as_dict()), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_seconds_of_events_and_samples_ascend_when_the_clock_is_set_back(config, folder, monkeypatch):
    monkeypatch.setattr(recorder, "SAMPLE_INTERVAL_S", 0.02)
    real, began = time.time, time.monotonic()
    monkeypatch.setattr(time, "time", lambda: real() - 600 * any(isinstance(event, Evaluated) for event in heard))
    heard = []
    record(config, folder, heard.append)
    run = Run(folder)
    for told in (heard[1:], run.samples):
        seconds = [event.seconds for event in told]
        assert seconds == sorted(seconds)
        assert 0 < seconds[-1] <= time.monotonic() - began


def test_only_the_main_process_of_several_writes(config, folder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("labkit.training.trainer.train", lambda *_: iter([RunFinished(0.0, "completed", 0)]))
    heard = []
    assert record(config, folder, heard.append) == "completed"
    assert [type(event) for event in heard] == [RunStarted, RunFinished]
    assert not (folder / "events.jsonl").exists()


def test_a_missing_package_is_a_failure_in_words(config, folder, monkeypatch):
    def broken(*_):
        raise ImportError("No module named 'torchcrf'")

    monkeypatch.setattr("labkit.training.trainer.train", broken)
    assert record(config, folder) == "failed"
    last = open_event_log(folder).read()[-1]
    assert last.reason == "A package is missing: No module named 'torchcrf'."
    assert last.hint == "Run `make setup`."


@pytest.mark.parametrize(
    "error",
    [ImportError("libtorch_cpu.so: failed to map segment from shared object"), MemoryError(),
     ImportError("libtorch_cpu.so: cannot allocate memory in static TLS block")],
)  # fmt: skip
def test_packages_that_find_no_memory_are_a_failure_in_words(config, folder, monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr("labkit.training.trainer.train", broken)
    assert record(config, folder) == "failed"
    last = open_event_log(folder).read()[-1]
    assert last.reason == "Out of memory while importing packages, step 0."


def test_a_library_that_the_system_cannot_load_is_not_taken_for_the_log(config, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "labkit.training.trainer", None)
    blocked = builtins.__import__

    def broken(name, *rest):
        if name == "labkit.training.trainer":
            raise OSError("libcudart.so.12: cannot open shared object file: No such file or directory")
        return blocked(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    assert record(config, folder) == "failed"
    assert open_event_log(folder).read()[-1].reason.startswith("A package is missing: libcudart.so.12: cannot open")


def fill_the_disk(monkeypatch, *kinds):
    """From now on there is no room for these events."""
    write = LineWriter.write

    def full(self, *lines):
        for line in lines:
            if isinstance(line, kinds):
                raise OSError(errno.ENOSPC, f"No space left for {type(line).__name__}")
        write(self, *lines)

    monkeypatch.setattr(LineWriter, "write", full)


def test_a_log_that_cannot_be_written_is_told_when_there_is_room_again(config, folder, monkeypatch):
    fill_the_disk(monkeypatch, PhaseEntered)
    heard = []
    with pytest.raises(OSError, match="PhaseEntered"):
        record(config, folder, heard.append)
    run = Run(folder)
    assert run.state == "failed"
    assert run.finished == heard[-1]
    assert run.finished.reason == "The run's log could not be written: No space left for PhaseEntered."
    assert f" MiB are free in {folder}: " in run.finished.hint


def test_a_disk_that_stays_full_hides_nothing_of_the_first_error(config, folder, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left for the summary")

    fill_the_disk(monkeypatch, PhaseEntered, RunFinished)
    monkeypatch.setattr("labkit.runs.store.write_summary", full)
    with pytest.raises(OSError, match="PhaseEntered"):
        record(config, folder)
    assert not any(isinstance(event, RunFinished) for event in open_event_log(folder).read())


def test_a_sample_without_room_is_left_out_and_the_next_one_is_taken(config, folder, monkeypatch):
    monkeypatch.setattr(recorder, "SAMPLE_INTERVAL_S", 0.02)
    write, refused = LineWriter.write, []

    def full_once(self, *lines):
        if not refused and any(isinstance(line, DeviceSampled) for line in lines):
            refused.append(lines)
            raise OSError(errno.ENOSPC, "No space left")
        write(self, *lines)

    monkeypatch.setattr(LineWriter, "write", full_once)
    assert record(config, folder) == "completed"
    assert refused
    assert Run(folder).samples


class UUID:
    """As torch has it: no text, but turned into one."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


@pytest.fixture
def on_gpus(config, folder, monkeypatch):
    """Records a run on GPUs: CUDA shows those of these numbers of NVML's, and torch holds so many MiB on each."""

    def run(gpus, shown, held):
        library, is_started = FakeLibrary(*gpus), []
        install(monkeypatch, library)
        properties = [SimpleNamespace(uuid=UUID(gpus[number].uuid.removeprefix("GPU-"))) for number in shown]
        monkeypatch.setattr(recorder, "SAMPLE_INTERVAL_S", 0.005)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: bool(is_started))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(shown))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: is_started and properties[number])
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda number: is_started and held[number] * MIB)

        def train(*_):
            until(lambda: Run(folder).samples)
            is_started.append(True)
            seen = len(Run(folder).samples)
            until(lambda: len(Run(folder).samples) > seen + 2 * len(shown))
            yield RunFinished(1.0, "completed", 0)

        monkeypatch.setattr("labkit.training.trainer.train", train)
        assert record(config.replace(device="cuda"), folder) == "completed"
        assert library.started == 0
        return [sample for sample in Run(folder).samples if sample.device != "cpu"]

    return run


def gpu(number, **how):
    return FakeGpu(uuid=f"GPU-{number}1111111-aaaa-bbbb-cccc-000000000000", **how)


def test_a_run_on_the_fastest_gpu_is_shown_on_that_one(on_gpus):
    """CUDA counts the fastest first, NVML by the bus."""
    idle = gpu(1, utilization=0, total_mib=8_000, used_mib=300)
    busy = gpu(2, utilization=97, total_mib=40_000, used_mib=9_500, processes={os.getpid(): 9_400 * MIB})
    samples = on_gpus([idle, busy], shown=[1, 0], held=[9_000, 0])
    of_first = [sample for sample in samples if sample.device == "gpu 0"]
    figures = {
        (each.utilization, each.memory_run_mib, each.memory_others_mib, each.memory_total_mib) for each in of_first
    }
    assert figures == {(97.0, 9_400.0, 100.0, 40_000.0)}
    assert {(each.utilization, each.memory_run_mib) for each in samples if each not in of_first} == {(0.0, 0.0)}


def test_a_run_that_is_shown_one_gpu_alone_is_shown_on_that_one(on_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # of CUDA's order, in which it is NVML's first
    samples = on_gpus([gpu(1, utilization=97, used_mib=9_500), gpu(2, utilization=0)], shown=[0], held=[9_000])
    assert {(each.device, each.utilization, each.memory_run_mib) for each in samples} == {("gpu 0", 97.0, 9_000.0)}


def test_figures_that_cannot_all_be_true_are_gaps_with_their_reasons(on_gpus):
    odd = gpu(1, utilization=250, total_mib=40_000, used_mib=41_000, processes={os.getpid(): 60_000 * MIB})
    samples = on_gpus([odd], shown=[0], held=[500])
    assert {(each.utilization, each.memory_run_mib, each.memory_total_mib) for each in samples} == {(None, 500.0, None)}
    assert set(samples[0].missing) == {"utilization", "memory_total_mib", "memory_others_mib"}
