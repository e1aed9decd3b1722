import time

import pytest

from labkit.training.clock import seconds_since


@pytest.fixture
def stepped(monkeypatch):
    """Steps the system's clock by so many seconds."""
    real = time.time
    return lambda by: monkeypatch.setattr(time, "time", lambda: real() + by)


@pytest.mark.parametrize("by", [-600, 3600])
def test_a_clock_that_is_stepped_changes_no_age(stepped, by):
    seconds = seconds_since(time.time() - 5)
    before = seconds()
    stepped(by)
    assert 5 <= before <= seconds() < before + 1


def test_all_who_ask_for_one_beginning_agree_whatever_the_clock_says_by_then(stepped):
    began = time.time()
    recorder = seconds_since(began)
    stepped(-600)
    assert abs(seconds_since(began)() - recorder()) < 1
