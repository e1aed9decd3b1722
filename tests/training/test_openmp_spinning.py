import os
import threading
from collections import namedtuple

import psutil
import pytest
import torch

from labkit.environment import torch_environment
from labkit.training import openmp_spinning
from labkit.training.openmp_spinning import BEGIN, END, IdleThreads, OtherProcessesLoad, SpinController, tune_spinning


class FakeIdleThreads:
    """Notes its calls."""

    def __init__(self):
        self.asked = []

    def gather(self):
        self.asked.append("gather")

    def leave(self):
        self.asked.append("leave")


def updates(others, threads=2, cores=2.0):
    """Whether spinning is short after each update, and the calls of the idle threads."""
    loads, idle = iter(others), FakeIdleThreads()
    controller = SpinController(threads, cores, lambda: next(loads), idle)
    found = []
    for _ in others:
        controller.update()
        found.append(controller.briefly)
    return found, idle.asked


def test_threads_wait_briefly_while_a_neighbour_computes_and_only_then():
    assert updates([0.0, 0.9, 1.0, 0.0]) == ([False, True, True, False], ["gather", "leave"])


def test_a_neighbour_near_the_bounds_changes_nothing_to_and_fro():
    between = (BEGIN + END) / 2
    assert updates([between, between, 0.9, between, between, 0.1, between])[0] == [False] * 2 + [True] * 3 + [False] * 2


def test_a_neighbour_with_a_core_of_its_own_is_no_reason_to_wait_briefly():
    assert updates([1.0, 1.9], threads=2, cores=4.0) == ([False, False], [])
    assert updates([2.1], threads=2, cores=4.0)[0] == [True]


def test_with_less_time_than_threads_they_always_wait_briefly():
    assert updates([0.0, 0.0], threads=4, cores=1.5) == ([True, True], ["gather"])


def test_idle_threads_leave_when_all_is_over():
    idle = FakeIdleThreads()
    controller = SpinController(2, 2.0, lambda: 1.0, idle)
    controller.update()
    controller.close()
    controller.close()
    assert idle.asked == ["gather", "leave"]


Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")
Own = namedtuple("Own", "user system")


def test_others_are_all_work_but_this_process_own(monkeypatch):
    now = iter([100.0, 102.0, 102.0])
    system = iter([Times(50, 1, 5, 100, 9, 0, 1, 7, 3, 0), Times(53, 1.5, 5.5, 100, 12, 0, 1, 9, 4, 0)] * 2)
    own = iter([Own(10, 1), Own(11.5, 1.5)] * 2)
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(system))
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda self: next(own))
    others = OtherProcessesLoad(lambda: next(now))
    assert others() == pytest.approx((4.0 - 2.0) / 2)
    assert others() == 0.0  # no time has passed


def test_idle_threads_outnumber_the_cores_and_end_when_they_leave():
    before = threading.active_count()
    idle = IdleThreads(threads=2, cores=3)
    for _ in range(2):
        idle.gather()
        assert threading.active_count() == before + 3
        idle.leave()
        assert threading.active_count() == before


def test_results_are_the_same_to_the_last_bit():
    torch.manual_seed(0)
    values, idle = torch.randn(500, 700), IdleThreads(2, 2)
    alone = values @ values.t()
    idle.gather()
    beside = values @ values.t()
    idle.leave()
    assert torch.equal(alone, beside)


@pytest.fixture
def ours(monkeypatch):
    """The environment that labkit gives its runs, on Linux, and two threads."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in torch_environment().items():
        monkeypatch.setenv(name, value)


def watchers():
    return [each for each in threading.enumerate() if each.name == "labkit-spinning"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_neighbours_are_minded_while_a_run_goes_on(ours, monkeypatch):
    asked = []
    monkeypatch.setattr(openmp_spinning, "INTERVAL_S", 0.001)
    monkeypatch.setattr(openmp_spinning, "OtherProcessesLoad", lambda: lambda: asked.append(1) or 0.0)
    with tune_spinning():
        assert len(watchers()) == 1
        while len(asked) < 3:
            pass
    assert watchers() == []


@pytest.mark.parametrize("how", ["one thread", "another system", "the user's own count", "the user's own policy"])
def test_nothing_is_done_where_it_would_not_help_or_is_not_wanted(ours, monkeypatch, how):
    if how == "one thread":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    if how == "another system":
        monkeypatch.setattr("sys.platform", "darwin")
    if how == "the user's own count":
        monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    if how == "the user's own policy":
        monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    with tune_spinning():
        assert watchers() == []
