"""What is asked of a run while it trains: done at once, told once, and at the same step by all of its processes."""

from types import SimpleNamespace

import torch

from labkit.events import CONTROL_FILE, LineWriter, RateChanged, RateRequested, StopRequested
from labkit.training.control import ControlReader
from labkit.training.distributed import SYNC_STEPS


def setup_with(processes=1, main=True):
    groups = [SimpleNamespace(name="encoder", peak_rate=0.0), SimpleNamespace(name="head", peak_rate=1e-2)]
    accelerator = SimpleNamespace(num_processes=processes, is_main_process=main)
    return SimpleNamespace(param_groups=groups, accelerator=accelerator)


def ask(folder, *controls):
    writer = LineWriter(folder / CONTROL_FILE)
    writer.write(*controls)
    writer.close()


def test_what_is_asked_is_done_and_told_once(tmp_path):
    setup = setup_with()
    reader = ControlReader(setup, tmp_path, lambda: 7.0)
    assert list(reader.apply(1)) == []
    ask(tmp_path, RateRequested("head", 1e-3), RateRequested("crf", 1e-3), StopRequested())
    assert list(reader.apply(2)) == [RateChanged(7.0, 2, "head", 1e-3)]
    assert (setup.param_groups[1].peak_rate, reader.is_stopping) == (1e-3, True)
    assert list(reader.apply(3)) == []


def test_a_rate_asked_for_during_an_evaluation_is_set_at_once_and_told_after_it(tmp_path):
    setup = setup_with()
    reader = ControlReader(setup, tmp_path, lambda: 7.0)
    ask(tmp_path, RateRequested("head", 1e-3))
    assert not reader.should_stop(5)
    assert setup.param_groups[1].peak_rate == 1e-3
    ask(tmp_path, StopRequested())
    assert reader.should_stop(5)
    assert reader.pop_pending_events() == [RateChanged(7.0, 5, "head", 1e-3)]
    assert reader.pop_pending_events() == []


def test_without_a_folder_nothing_is_asked():
    reader = ControlReader(setup_with(), None, lambda: 0.0)
    assert list(reader.apply(1)) == []
    assert not reader.should_stop(1)


def test_several_processes_hear_the_main_one_at_the_steps_at_which_they_meet(tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(torch.distributed, "broadcast_object_list", lambda sending, src: sent.append((*sending, src)))
    ask(tmp_path, StopRequested())
    main = ControlReader(setup_with(processes=2), tmp_path, lambda: 0.0)
    for step in range(1, SYNC_STEPS):
        assert list(main.apply(step)) == []
        assert not main.should_stop(step)
    assert sent == []
    list(main.apply(SYNC_STEPS))
    assert (sent, main.is_stopping) == ([([StopRequested()], 0)], True)

    def receive(requests, src):
        assert requests == [[]]  # only the main process reads
        requests[0] = [StopRequested()]

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", receive)
    other = ControlReader(setup_with(processes=2, main=False), tmp_path, lambda: 0.0)
    list(other.apply(SYNC_STEPS))
    assert other.is_stopping
