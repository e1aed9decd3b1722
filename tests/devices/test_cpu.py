"""A process's share of the CPU, against work of a known amount."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from labkit.devices import cgroups
from labkit.devices.cpu import ProcessSampler, cpu_name

SPIN = "import time; print('up', flush=True); began = time.time()\nwhile time.time() < began + 60: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])"


@pytest.fixture
def spinning() -> Iterator[Callable[[str], int]]:
    """Starts a process that keeps one core busy, by itself or through a child; returns its pid."""
    started: list[psutil.Process] = []

    def start(code: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        started.append(psutil.Process(process.pid))
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        return process.pid

    yield start
    for process in started:
        for each in [*process.children(recursive=True), process]:
            each.kill()
        process.wait()


def test_the_first_sample_has_no_utilisation_and_the_second_one_has() -> None:
    sampler = ProcessSampler(os.getpid())
    first = sampler.sample(0.0)
    time.sleep(0.1)
    second = sampler.sample(0.1)
    assert first.utilization is None
    assert first.missing == {}
    assert second.utilization is not None
    assert 0 <= second.utilization <= 100


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(SPIN, 0.6), (PARENT, 0.6), (PARENT, 60.0)],
    ids=["itself", "a child", "a child found a second time"],
)
def test_utilisation_is_that_of_the_process_and_its_children(
    spinning: Callable[[str], int], code: str, seconds: float
) -> None:
    sampler = ProcessSampler(spinning(code))
    sampler.cores = 1.0
    sampler.sample(0.0)
    time.sleep(0.6)
    used = sampler.sample(seconds).utilization
    assert used is not None
    assert used > 1  # a parent that waits for its child has 0; a busy machine leaves little to either


def test_utilisation_is_a_share_of_the_cores_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = ProcessSampler(os.getpid())
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda *_: 150.0)
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [])  # other tests may have left some
    sampler.cores = 4.0
    sampler.sample(0.0)
    assert sampler.sample(0.5).utilization == 37.5
    sampler.cores = 1.0  # clocks are coarse: never above all of it
    assert sampler.sample(1.0).utilization == 100.0


def test_memory_of_run_and_others_is_what_the_machine_has_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [])  # other tests may have left some
    sample = ProcessSampler(os.getpid()).sample(0.0)
    resident = psutil.Process().memory_info().rss / 2**20
    assert sample.memory_run_mib == pytest.approx(resident, rel=0.2)
    assert sample.memory_others_mib is not None
    assert sample.memory_total_mib is not None
    assert 0 <= sample.memory_others_mib < sample.memory_total_mib
    assert sample.memory_total_mib <= psutil.virtual_memory().total / 2**20


def test_a_process_that_has_ended_is_a_gap_with_its_reason() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    sampler = ProcessSampler(process.pid)
    process.communicate(b"\n")
    sample = sampler.sample(0.0)
    assert (sample.utilization, sample.memory_run_mib, sample.memory_others_mib) == (None, None, None)
    assert "ended" in sample.missing["utilization"]
    assert sample.memory_total_mib


def test_children_are_searched_for_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search reads every process of the machine."""
    searches: list[float] = []
    sampler = ProcessSampler(os.getpid())
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: searches.append(1.0) or [])
    for tick in range(50):
        sampler.sample(tick * 0.5)
    assert len(searches) == 3


def test_the_processor_has_a_name() -> None:
    assert cpu_name()


def test_a_container_s_limit_is_the_total_and_its_other_processes_are_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.current").write_text(f"{4096 * 2**20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {1000 * 2**20}\n")
    monkeypatch.setattr(cgroups, "find_memory_limit", lambda pid: cgroups.MemoryLimit(5000 * 2**20, tmp_path))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=64_000 * 2**20))
    sample = ProcessSampler(os.getpid()).sample(0.0)
    assert sample.memory_total_mib == 5000
    assert sample.memory_run_mib is not None
    assert sample.memory_others_mib == pytest.approx(3096 - sample.memory_run_mib)
