import os
import subprocess
import sys
import time

import psutil

from labkit.processes import is_alive, started_at


def this_process() -> tuple[int, float]:
    started = started_at(os.getpid())
    assert started is not None
    return os.getpid(), started


def test_this_process_is_alive() -> None:
    assert is_alive(*this_process())


def test_a_process_that_is_not_there_has_no_start() -> None:
    assert started_at(2**31 - 1) is None
    assert started_at(-1) is None


def test_a_stranger_under_the_same_pid_is_not_the_process() -> None:
    pid, started = this_process()
    assert not is_alive(pid, started - 60)
    assert not is_alive(pid, started + 60)


def test_a_boot_time_that_moved_by_a_second_does_not_kill_a_run() -> None:
    pid, started = this_process()
    assert is_alive(pid, started + 1.01)
    assert is_alive(pid, started - 1.01)


def test_an_ended_process_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    assert is_alive(process.pid, started)
    process.communicate(b"\n", timeout=30)
    assert not is_alive(process.pid, started)


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    assert process.stdin is not None
    process.stdin.close()  # input() meets the end of the file, and nobody collects the exit status
    deadline = time.monotonic() + 30
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not is_alive(process.pid, started)
    process.wait(timeout=30)


def test_an_impossible_pid_is_not_alive() -> None:
    assert not is_alive(-1, 0.0)
    assert not is_alive(2**31 - 1, 0.0)
    assert not is_alive(10**30, 0.0)


def test_a_process_of_another_user_counts_as_alive() -> None:
    if os.name == "posix":
        assert is_alive(1, psutil.Process(1).create_time())
