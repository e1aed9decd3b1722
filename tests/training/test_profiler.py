"""A profiled run: which operators took how long, and a trace."""

import gzip
import json
from types import SimpleNamespace

import pytest

from labkit.config import RunConfig
from labkit.events import Evaluated, OperatorsProfiled, StepDone, TimeBreakdown
from labkit.runs.summary import Summary
from labkit.training import profiler
from labkit.training.trainer import train


@pytest.fixture(scope="module")
def config(tiny_encoder, tiny_corpus):
    return RunConfig(
        encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=2, batch_size=4, lstm_size=16,
        precision="float32", device="cpu", profile=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def short(config, tmp_path_factory):
    """Events of 2 epochs of 10 steps, recorded from step 10 on."""
    return list(train(config, tmp_path_factory.mktemp("short")))


@pytest.fixture(scope="module")
def long(config, tmp_path_factory):
    """Folder and events of 3 epochs, recorded from step 15 until the epoch ends."""
    folder = tmp_path_factory.mktemp("long")
    return folder, list(train(config.replace(epochs=3), folder))


def only(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_a_profiled_run_tells_its_longest_operators_and_writes_a_trace(long):
    folder, events = long
    (found,) = only(OperatorsProfiled, events)
    assert 1 <= len(found.operators) <= profiler.MAX_OPERATORS
    names = [operator.name for operator in found.operators]
    assert "FusedLayersBackward" in names
    assert profiler.PYTHON in names
    assert not [name for name in names if name.startswith(("aten::", "autograd::"))]
    seconds = [operator.seconds for operator in found.operators]
    assert seconds == sorted(seconds, reverse=True)
    assert 0 < sum(operator.share for operator in found.operators) <= 1.001
    trace = json.loads(gzip.decompress((folder / found.trace).read_bytes()))
    steps = [each for each in trace["traceEvents"] if each.get("name") == profiler.STEP_LABEL and each.get("ph") == "X"]
    assert len(steps) == found.steps > 0


def test_steps_are_recorded_in_mid_run_and_not_beyond_their_epoch(short, long):
    (found,) = only(OperatorsProfiled, short)
    assert (found.step, found.steps) == (20, 10)
    before = short[: short.index(found)]
    assert len(only(StepDone, before)) == 20  # all steps before it have been told
    assert len(only(Evaluated, before)) == 1
    (found,) = only(OperatorsProfiled, long[1])
    assert (found.step, found.steps) == (20, 5)


def test_recording_has_a_part_of_its_own_and_is_left_out_of_tokens_per_second(short):
    (found,) = only(OperatorsProfiled, short)
    last = only(TimeBreakdown, short)[-1]
    assert last.totals["profiling"] == pytest.approx(found.duration_s, abs=1e-3)
    assert sum(last.totals.values()) == pytest.approx(last.seconds, abs=0.05)
    summary = Summary()
    for event in short:
        summary.add(event)
    assert summary.profiling_s == found.duration_s
    tokens = only(StepDone, short)[-1].tokens - found.tokens
    assert summary.tokens_per_s == pytest.approx(tokens / summary.training_s)
    assert 0 < found.tokens < only(StepDone, short)[-1].tokens


def test_profiling_changes_no_number_of_a_run(config, short):
    losses = [event.loss for event in train(config.replace(profile=False)) if isinstance(event, StepDone)]
    assert losses == [event.loss for event in only(StepDone, short)]


def test_a_run_that_is_left_in_the_middle_does_not_go_on_recording(config, tmp_path):
    run = train(config, tmp_path)
    for event in run:
        if isinstance(event, StepDone) and event.step >= 12:
            break
    run.close()
    assert only(OperatorsProfiled, train(config, tmp_path))


def averaged(key, count, cpu_us, device_us, kind="CPU"):
    return SimpleNamespace(
        key=key, count=count, self_cpu_time_total=cpu_us, self_device_time_total=device_us,
        device_type=SimpleNamespace(name=kind),
    )  # fmt: skip


def test_on_a_gpu_its_own_time_counts_once_for_the_operator_that_asked_for_it():
    averages = [
        averaged("aten::mm", 10, 500, 8000),
        averaged("sm90_xmma_gemm_bf16", 10, 0, 8000, "CUDA"),  # the same time, told by its kernel
        averaged("aten::add", 20, 9000, 2000),
        averaged(profiler.STEP_LABEL, 2, 4000, 0),
    ]
    on_device = profiler.rank_operators(averages, on_device=True)
    assert [(each.name, each.seconds, each.share) for each in on_device[:2]] == [
        ("mm", 0.008, 0.8),
        ("add", 0.002, 0.2),
    ]
    on_cpu = profiler.rank_operators(averages, on_device=False)
    assert [(each.name, each.calls) for each in on_cpu] == [("add", 20), (profiler.PYTHON, 2), ("mm", 10)]
