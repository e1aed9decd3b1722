"""Spinning that is shortened while other processes compute."""

import os
import threading
from collections import namedtuple

import psutil
import pytest
import torch

from labkit.devices import cgroups
from labkit.environment import torch_environment
from labkit.training import openmp_spinning
from labkit.training.openmp_spinning import BEGIN, END, brief_spinning, load_of_others, tune_spinning

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
BETWEEN = (BEGIN + END) / 2


def names():
    return [thread.name for thread in threading.enumerate() if thread.name in ("labkit-spinning", "labkit-idle")]


@pytest.fixture
def ours(monkeypatch):
    """The environment that labkit gives its runs, on Linux, and two threads."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in torch_environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("cores", "loads", "is_brief"),
    [
        (2.0, [0.0, 0.9, 1.0, 0.0], [False, True, True, False]),
        (2.0, [BETWEEN, 0.9, BETWEEN, 0.1, BETWEEN], [False, True, True, False, False]),
        (4.0, [1.0, 1.9, 2.1], [False, False, True]),  # a neighbour with a core of its own is no reason
        (1.5, [0.0, 0.0], [True, True]),
    ],
)
def test_spinning_is_brief_while_others_need_the_cores(ours, monkeypatch, cores, loads, is_brief):
    found, ended = [], threading.Event()
    to_come = iter([0.0, *loads])  # the first one only begins the count

    def load(process):
        found.append("labkit-idle" in names())  # after the load before
        value = next(to_come, None)
        if value is None:
            ended.set()
        return value or 0.0

    monkeypatch.setattr(openmp_spinning, "load_of_others", load)
    monkeypatch.setattr(openmp_spinning, "INTERVAL_S", 0.01)
    monkeypatch.setattr(cgroups, "count_usable_cores", lambda pid: cores)
    with tune_spinning():
        assert ended.wait(30)
    assert found[2 : len(loads) + 2] == is_brief
    assert names() == []


Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")


def test_load_of_others_is_all_work_but_this_process_own(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_times_percent", lambda: Times(40, 5, 20, 20, 10, 0, 0, 5, 3, 0))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    process = psutil.Process()
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: 150.0)
    assert load_of_others(process) == pytest.approx(4 * 0.65 - 1.5)
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: 300.0)
    assert load_of_others(process) == 0.0


def test_results_are_the_same_to_the_last_bit():
    torch.manual_seed(0)
    values = torch.randn(500, 700)
    alone = values @ values.t()
    with brief_spinning(threads=2):
        assert "labkit-idle" in names()
        assert torch.equal(values @ values.t(), alone)
    assert names() == []


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
        assert names() == []
