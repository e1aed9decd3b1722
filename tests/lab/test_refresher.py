import threading
import time

from labkit.lab import refresher
from labkit.lab.refresher import Refresher
from tests.waiting import until


def refreshes_within(seconds, work, cpu_share=1.0, request=False):
    """Number of calls of `work` in this time."""
    count = 0

    def counted():
        nonlocal count
        count += 1
        return work()

    loop = Refresher(counted)
    loop.cpu_share = cpu_share
    loop.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if request:
            loop.request_refresh()
        time.sleep(0.01)
    loop.stop()
    return count


def test_it_refreshes_at_most_four_times_a_second_however_often_that_is_requested():
    assert refreshes_within(1.1, lambda: True, request=True) <= 6


def test_it_refreshes_seldom_while_nothing_happens_but_soon_on_request(monkeypatch):
    assert refreshes_within(1.1, lambda: False) <= 2
    monkeypatch.setattr(refresher, "IDLE_S", 300.0)
    refreshed = threading.Event()
    loop = Refresher(lambda: refreshed.set() or False)
    loop.start()
    assert refreshed.wait(30)
    refreshed.clear()
    loop.request_refresh()
    assert refreshed.wait(30)
    loop.stop()


def test_a_refresh_that_takes_long_is_followed_by_a_longer_pause(monkeypatch):
    monkeypatch.setattr(refresher, "FASTEST_S", 0.01)
    monkeypatch.setattr(refresher, "IDLE_S", 0.01)

    def busy():
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return True

    assert refreshes_within(0.5, busy, cpu_share=1 / 8) <= 5


def test_one_failed_refresh_does_not_end_all_further_ones(monkeypatch, caplog):
    monkeypatch.setattr(refresher, "FASTEST_S", 0.01)
    monkeypatch.setattr(refresher, "IDLE_S", 0.01)

    def broken():
        raise RuntimeError("no such run")

    assert refreshes_within(1.0, broken) > 3
    assert "no such run" in caplog.text


def test_it_can_be_stopped_from_its_own_work():
    loop = Refresher(lambda: loop.stop() or True)
    loop.start()
    until(lambda: "labkit-refresher" not in {thread.name for thread in threading.enumerate()})
