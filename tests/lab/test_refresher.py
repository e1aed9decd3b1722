import threading
import time

from labkit.lab import refresher
from labkit.lab.refresher import Refresher


def looks_within(seconds, work, share=1.0, poke=False):
    """How often `work` is called in so many seconds."""
    count = 0

    def counted():
        nonlocal count
        count += 1
        return work()

    loop = Refresher(counted)
    loop.cpu_share = share
    loop.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if poke:
            loop.request_refresh()
        time.sleep(0.01)
    loop.stop()
    return count


def test_it_looks_at_most_four_times_a_second_however_often_it_is_poked():
    assert looks_within(1.1, lambda: True, poke=True) <= 6


def test_it_looks_seldom_while_nothing_happens_but_soon_when_poked(monkeypatch):
    assert looks_within(1.1, lambda: False) <= 2
    monkeypatch.setattr(refresher, "IDLE_S", 300.0)
    looked = threading.Event()
    loop = Refresher(lambda: looked.set() or False)
    loop.start()
    assert looked.wait(30)
    looked.clear()
    loop.request_refresh()
    assert looked.wait(30)
    loop.stop()


def test_a_dear_look_is_followed_by_a_longer_pause(monkeypatch):
    monkeypatch.setattr(refresher, "FASTEST_S", 0.01)
    monkeypatch.setattr(refresher, "IDLE_S", 0.01)

    def busy():
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return True

    assert looks_within(0.5, busy, share=1 / 8) <= 5


def test_one_bad_look_does_not_end_all_further_ones(monkeypatch, caplog):
    monkeypatch.setattr(refresher, "FASTEST_S", 0.01)
    monkeypatch.setattr(refresher, "IDLE_S", 0.01)

    def broken():
        raise RuntimeError("no such run")

    assert looks_within(1.0, broken) > 3
    assert "no such run" in caplog.text


def test_it_can_be_stopped_from_its_own_work():
    loop = Refresher(lambda: loop.stop() or True)
    loop.start()
    loop._thread.join(timeout=5)
    assert not loop._thread.is_alive()
