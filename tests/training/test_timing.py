"""Where the time goes: every second is counted once, for the part that it went to."""

from itertools import pairwise

import pytest
import torch

from labkit.config import RunConfig
from labkit.events import Evaluated, OperatorsProfiled, RunFinished, TimeBreakdown
from labkit.training.timing import TIMED_STEP_INTERVAL, PhaseTimer
from labkit.training.trainer import train

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Device:
    """A GPU that works through what it is given later, on a clock of its own in milliseconds."""

    def __init__(self) -> None:
        self.queued_ms = 0.0  # when it will be done with all it was given
        self.now_ms = 0.0

    def work(self, milliseconds: float) -> None:
        self.queued_ms += milliseconds

    def catch_up(self) -> None:
        self.now_ms = self.queued_ms

    def event(self) -> "Moment":
        return Moment(self)


class Moment:
    def __init__(self, device: Device):
        self.device, self.at = device, float("inf")

    def record(self) -> None:
        self.at = self.device.queued_ms

    def query(self) -> bool:
        return self.at <= self.device.now_ms

    def elapsed_time(self, later: "Moment") -> float:
        assert self.query(), "reading an event that the device has not passed yet waits, or raises"
        assert later.query()
        return later.at - self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(seconds: float, clock: Clock, backward_s: float = 0.0) -> "type[torch.autograd.Function]":
    """A layer that takes so long, forward and backward."""

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            clock.now += seconds
            return x * 1.0

        @staticmethod
        def backward(ctx, gradient):  # type: ignore[no-untyped-def]
            clock.now += backward_s
            return gradient

    return Layer


def step(timer: PhaseTimer, clock: Clock, frozen: bool = False) -> None:
    """One step: data 1 s, encoder 10 + 20, downstream 2 + 3, CRF 0.5 + 0.25, optimizer 4."""
    timer.begin_step()
    clock.now += 1
    timer.lap("data")
    weight = torch.ones(2, requires_grad=not frozen)
    vectors = work(10, clock, 20).apply(weight)
    timer.mark("encoder", "downstream", vectors)
    scores = work(2, clock, 3).apply(vectors + torch.ones(2, requires_grad=True))
    timer.mark("downstream", "CRF", scores)
    loss = work(0.5, clock, 0.25).apply(scores).sum()
    timer.lap("CRF")
    loss.backward()
    timer.end_backward()
    clock.now += 4
    timer.lap("optimizer")


def test_forward_and_backward_of_a_part_count_together(clock: Clock) -> None:
    timer = PhaseTimer(CPU, loading=7.0, clock=clock)
    step(timer, clock)
    clock.now += 6
    assert timer.totals() == {
        "loading": 7, "data": 1, "encoder": 30, "downstream": 5, "CRF": 0.75, "optimizer": 4, "other": 6
    }  # fmt: skip


def test_a_frozen_encoder_has_no_backward_part(clock: Clock) -> None:
    timer = PhaseTimer(CPU, clock=clock)
    step(timer, clock, frozen=True)
    step(timer, clock, frozen=False)  # and can be thawed
    told = timer.totals()
    assert told["encoder"] == 10 + 30
    assert told["downstream"] == 5 + 5
    assert told["CRF"] == 0.75 * 2


def test_all_parts_together_are_the_time_since_the_run_began(clock: Clock) -> None:
    timer = PhaseTimer(CPU, loading=3.0, clock=clock)
    for number in range(5):
        clock.now += 0.125
        step(timer, clock, frozen=number % 2 == 0)
        with timer.attributed_to("evaluation"):
            clock.now += 2
            timer.mark("encoder", "downstream", torch.zeros(1))
            clock.now += 1
        clock.now += 0.5
        with timer.attributed_to("saving"):
            clock.now += 1
        assert sum(timer.totals().values()) == 3.0 + clock.now - 100.0
    assert timer.totals()["evaluation"] == 15
    assert timer.totals()["saving"] == 5
    assert timer.totals()["other"] == 5 * 0.625


def test_an_evaluation_leaves_no_trace_in_the_next_backward_pass(clock: Clock) -> None:
    timer = PhaseTimer(CPU, clock=clock)
    with timer.attributed_to("evaluation"):
        timer.mark("downstream", "CRF", torch.zeros(1))
    step(timer, clock)
    assert timer.totals()["encoder"] == 30


def device_step(timer: PhaseTimer, device: Device, clock: Clock, slow: float = 1.0) -> None:
    """The process queues a step in 1 s; the device works 600 ms on the encoder and 300 on the rest of it, idle 100."""
    timer.begin_step()
    for part, milliseconds in (("data", 100), ("encoder", 600), ("downstream", 200), ("CRF", 50), ("optimizer", 50)):
        device.work(milliseconds * slow)
        timer.lap(part)
    clock.now += 1


def test_a_device_is_timed_by_its_own_events_scaled_to_all_steps(clock: Clock) -> None:
    device = Device()
    timer = PhaseTimer(GPU, loading=2.0, clock=clock, event=device.event)
    for _ in range(2 * TIMED_STEP_INTERVAL):
        device_step(timer, device, clock)
    device.catch_up()
    with timer.attributed_to("evaluation"):
        clock.now += 5
    told = timer.totals()
    assert told["evaluation"] == 5
    assert told["encoder"] == pytest.approx(0.6 * 2 * TIMED_STEP_INTERVAL)
    assert told["data"] == pytest.approx(0.1 * 2 * TIMED_STEP_INTERVAL)
    assert sum(told.values()) == pytest.approx(2.0 + clock.now - 100.0)


def test_a_device_that_lags_behind_is_not_waited_for(clock: Clock) -> None:
    device = Device()
    timer = PhaseTimer(GPU, clock=clock, event=device.event)
    for _ in range(TIMED_STEP_INTERVAL):
        device_step(timer, device, clock)
    assert timer.totals() == {"loading": 0.0, "other": TIMED_STEP_INTERVAL}  # nothing known yet, and nothing lost
    device.catch_up()
    told = timer.totals()
    assert told["encoder"] == pytest.approx(0.6 * TIMED_STEP_INTERVAL)
    assert sum(told.values()) == pytest.approx(TIMED_STEP_INTERVAL)


def test_the_first_step_which_sets_the_device_up_stands_for_no_other(clock: Clock) -> None:
    device = Device()
    made = []

    def event() -> Moment:
        made.append(device.event())
        return made[-1]

    timer = PhaseTimer(GPU, clock=clock, event=event)
    device_step(timer, device, clock, slow=1000)
    assert not made
    for _ in range(TIMED_STEP_INTERVAL):
        device_step(timer, device, clock)
    assert len(made) == 7  # one step of ten: its begin, its five parts, and what passed until the next
    device.catch_up()
    assert timer.totals()["encoder"] == pytest.approx(0.6 * (TIMED_STEP_INTERVAL + 1))


@pytest.fixture
def config(tiny_encoder, tiny_corpus) -> RunConfig:  # type: ignore[no-untyped-def]
    return RunConfig(
        encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=2, batch_size=8, lstm_size=16,
        precision="float32", device="cpu",
    )  # fmt: skip


def test_a_run_tells_where_its_time_went_until_its_end(config, tmp_path) -> None:  # type: ignore[no-untyped-def]
    events = list(train(config, tmp_path))
    told = [event for event in events if isinstance(event, TimeBreakdown)]
    assert set(told[-1].totals) == {
        "loading", "data", "encoder", "downstream", "CRF", "optimizer", "evaluation", "saving", "other"
    }  # fmt: skip
    assert all(seconds > 0 for seconds in told[-1].totals.values())
    assert sum(told[-1].totals.values()) == pytest.approx(told[-1].seconds, abs=0.05)  # of two clocks
    assert isinstance(events[events.index(told[-1]) + 1], RunFinished)
    for earlier, later in pairwise(told):
        assert all(later.totals[part] >= seconds for part, seconds in earlier.totals.items())
    evaluated = [place for place, event in enumerate(events) if isinstance(event, Evaluated) and event.split == "dev"]
    for place in evaluated:
        assert any(isinstance(event, TimeBreakdown) for event in events[place : place + 4])


def test_the_timer_changes_no_number_of_a_run(config, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    with_it = [event.loss for event in train(config) if isinstance(event, Evaluated)]
    monkeypatch.setattr(PhaseTimer, "mark", lambda *_: None)
    assert [event.loss for event in train(config) if isinstance(event, Evaluated)] == with_it


def test_only_a_profiled_run_has_operators_and_a_trace(config, tmp_path) -> None:  # type: ignore[no-untyped-def]
    plain = list(train(config, tmp_path))
    assert not [event for event in plain if isinstance(event, OperatorsProfiled)]
    assert "profiling" not in [event for event in plain if isinstance(event, TimeBreakdown)][-1].totals
    assert not (tmp_path / "trace.json.gz").exists()
