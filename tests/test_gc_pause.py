import gc

import pytest

from labkit import gc_pause


def test_collecting_is_off_inside_and_on_again_after():
    with gc_pause.gc_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_turns_it_on_again():
    with pytest.raises(ValueError, match="inside"), gc_pause.gc_paused():
        raise ValueError("inside")
    assert gc.isenabled()


def test_it_never_stays_off_whoever_ends_first():
    one, other = gc_pause.gc_paused(), gc_pause.gc_paused()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert gc.isenabled()


def test_whoever_had_it_off_keeps_it_off():
    gc.disable()
    try:
        with gc_pause.gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
