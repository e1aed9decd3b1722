import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from labkit import liveness
from labkit.liveness import is_process_alive, is_running, process_start_time

needs_boot_id = pytest.mark.skipif(not liveness._boot_id(), reason="this system gives its boots no names")


def this_process() -> tuple[int, float]:
    started = process_start_time(os.getpid())
    assert started is not None
    return os.getpid(), started


def until_zombie(pid: int) -> None:
    deadline = time.monotonic() + 30
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_this_process_is_alive() -> None:
    assert is_process_alive(*this_process())


def test_a_process_that_is_not_there_has_no_start() -> None:
    assert process_start_time(2**31 - 1) is None
    assert process_start_time(-1) is None


def test_a_stranger_under_the_same_pid_is_not_the_process() -> None:
    pid, started = this_process()
    assert not is_process_alive(pid, started - 60)
    assert not is_process_alive(pid, started + 60)


def test_a_boot_time_that_moved_by_a_second_does_not_kill_a_run() -> None:
    pid, started = this_process()
    assert is_process_alive(pid, started + 1.01)
    assert is_process_alive(pid, started - 1.01)


def test_an_ended_process_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    assert is_process_alive(process.pid, started)
    process.communicate(b"\n", timeout=30)
    assert not is_process_alive(process.pid, started)


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    assert process.stdin is not None
    process.stdin.close()  # input() meets the end of the file, and nobody collects the exit status
    until_zombie(process.pid)
    assert not is_process_alive(process.pid, started)
    process.wait(timeout=30)


def test_an_impossible_pid_is_not_alive() -> None:
    assert not is_process_alive(-1, 0.0)
    assert not is_process_alive(2**31 - 1, 0.0)
    assert not is_process_alive(10**30, 0.0)


def test_a_process_of_another_user_counts_as_alive() -> None:
    if os.name == "posix":
        assert is_process_alive(1, psutil.Process(1).create_time())


def own(**changed: object) -> bool | None:
    """Whether this process lives by what it wrote of itself, or by what differs from that."""
    fields = ("pid", "process_started", "host", "boot", "started_ticks")
    told = dict(zip(fields, liveness.process_identity(), strict=True))
    assert changed.keys() <= told.keys()
    return is_running(**{**told, **changed})  # type: ignore[arg-type]


def test_this_process_lives_by_what_it_tells_of_itself() -> None:
    assert own() is True
    assert own(pid=2**31 - 1) is False
    assert own(pid=10**30) is False


@needs_boot_id
def test_a_process_lives_whatever_becomes_of_the_clock_and_of_the_name_of_the_host() -> None:
    assert own(process_started=0.0) is True
    assert own(host="macbook.fritz.box") is True


@needs_boot_id
def test_a_process_of_an_earlier_boot_is_gone_even_if_all_else_is_alike() -> None:
    assert own(boot="an earlier one") is False


@needs_boot_id
def test_a_stranger_with_the_pid_of_another_containers_process_tells_nothing_of_that() -> None:
    assert own(started_ticks=1) is False
    assert own(started_ticks=1, host="another container") is None
    assert own(pid=2**31 - 1, host="another container") is None
    assert own(boot="another machine's", host="another machine") is None


@pytest.mark.parametrize("here", [True, False])
def test_clock_and_host_decide_where_one_side_does_not_know_its_boot(
    here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = "" if here else "a boot"  # of an older log, or of a system without
    monkeypatch.setattr(liveness, "_boot_id", lambda: "a boot" if here else "")
    assert own(boot=boot) is True
    assert own(boot=boot, process_started=0.0) is False
    assert own(boot=boot, host="another machine") is None


@needs_boot_id
def test_a_pid_that_may_not_be_looked_at_lives_on_its_own_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    told = liveness.process_identity()

    def hidden(pid: int) -> int:
        raise PermissionError(pid)

    monkeypatch.setattr(liveness, "_start_ticks", hidden)
    assert is_running(*told) is True
    assert is_running(*told[:2], "another container", *told[3:]) is None


@needs_boot_id
def test_ticks_are_read_past_a_command_with_spaces_and_parentheses(tmp_path: Path) -> None:
    sleep = tmp_path / "a) S (b"
    sleep.symlink_to("/bin/sleep")
    process = subprocess.Popen([sleep, "60"])
    try:
        ticks = liveness._start_ticks(process.pid)
        assert ticks is not None
        seconds = ticks / os.sysconf("SC_CLK_TCK")
        assert abs(psutil.boot_time() + seconds - psutil.Process(process.pid).create_time()) < 2
    finally:
        process.kill()
        until_zombie(process.pid)
    assert liveness._start_ticks(process.pid) is None
    process.wait(timeout=30)
    assert liveness._start_ticks(process.pid) is None
