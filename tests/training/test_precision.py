import json

import pytest
import torch

from labkit.training import precision
from labkit.training.precision import choose_precision, precision_notes
from tests.several import in_two_processes

CPU = torch.device("cpu")
HAS_IT, HAS_IT_NOT = {"cpu_name": "Some CPU", "avx512_bf16": True}, {"cpu_name": "Old CPU", "avx512_bf16": False}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def machine(cache, monkeypatch):
    """Sets the flags and measurements of this machine; returns the list of measurements made."""
    asked = []

    def have(flags, *gains):
        coming = iter(gains)
        precision._describe_machine.cache_clear()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
        monkeypatch.setattr(precision, "measure_bfloat16_speedup", lambda: asked.append(1) or next(coming))
        return asked

    yield have
    precision._describe_machine.cache_clear()


@pytest.mark.parametrize(("flags", "gain", "chosen"), [(HAS_IT, 4.0, "bfloat16"), (HAS_IT_NOT, 0.6, "float32")])
def test_a_measurement_that_agrees_with_the_flags_is_made_once(machine, flags, gain, chosen):
    asked = machine(flags, gain)
    assert [choose_precision("auto", CPU) for _ in range(3)] == [chosen] * 3
    assert len(asked) == 1


def test_a_busy_moment_at_the_first_start_changes_nothing(machine):
    asked = machine(HAS_IT, 1.1, 4.0)
    assert [choose_precision("auto", CPU) for _ in range(2)] == ["bfloat16"] * 2
    assert len(asked) == 2


def test_a_busy_first_start_is_not_believed_for_ever(machine):
    asked = machine(HAS_IT, 1.1, 1.0, 1.2, 4.0)
    assert [choose_precision("auto", CPU) for _ in range(3)] == ["float32", "bfloat16", "bfloat16"]
    assert len(asked) == 4


def test_measurements_that_contradict_the_flags_again_and_again_are_believed(machine):
    asked = machine(HAS_IT_NOT, *[3.0] * 20)
    assert [choose_precision("auto", CPU) for _ in range(5)] == ["bfloat16"] * 5
    assert len(asked) == precision.MAX_TRIALS


@pytest.mark.parametrize("text", ["", "{", "[]", "[NaN]", '["4"]', '{"gains": [4.0]}', "\0\0"])
def test_a_damaged_file_is_measured_anew(machine, cache, text):
    machine(HAS_IT, 4.0, 5.0)
    choose_precision("auto", CPU)
    (file,) = cache.iterdir()
    file.write_text(text)
    assert choose_precision("auto", CPU) == "bfloat16"
    assert json.loads(file.read_text()) == [5.0]


def test_another_cpu_or_torch_is_measured_by_itself(machine, cache, monkeypatch):
    machine(HAS_IT, 4.0)
    choose_precision("auto", CPU)
    asked = machine(HAS_IT | {"cpu_name": "Another CPU"}, 4.0)
    choose_precision("auto", CPU)
    monkeypatch.setattr(torch, "__version__", "9.9")
    machine(HAS_IT, 4.0)
    choose_precision("auto", CPU)
    assert len(asked) == 3
    assert len(list(cache.iterdir())) == 3


def test_without_a_folder_to_write_to_it_is_measured_each_time(machine, cache):
    cache.write_text("a file where the folder should be")
    asked = machine(HAS_IT, 4.0, 4.0)
    assert [choose_precision("auto", CPU) for _ in range(2)] == ["bfloat16"] * 2
    assert len(asked) == 2


def test_what_is_asked_for_is_not_measured(machine):
    asked = machine(HAS_IT)
    assert choose_precision("float32", CPU) == "float32"
    assert choose_precision("bfloat16", CPU) == "bfloat16"
    assert not asked


def test_the_real_measurement_gives_a_plausible_ratio(cache):
    # Of more products than usual, so that a load of other tests does not count.
    assert 0.01 < precision.measure_bfloat16_speedup(repeats=14) < 100


@pytest.mark.parametrize(
    ("flags", "chosen", "device", "told"),
    [
        (HAS_IT_NOT, "bfloat16", "cpu", 1),
        (HAS_IT_NOT, "float32", "cpu", 0),
        (HAS_IT, "bfloat16", "cpu", 0),
        (HAS_IT_NOT, "bfloat16", "cuda", 0),
    ],
)
def test_a_cpu_that_emulates_bfloat16_is_told_of_where_it_was_asked_for(machine, flags, chosen, device, told):
    machine(flags)
    assert len(precision_notes(chosen, torch.device(device))) == told


MEASURING = """
import os, pathlib, sys
import torch
from labkit.training import distributed, precision

torch.cpu.get_capabilities = lambda: {"avx512_bf16": True, "cpu_name": "of rank " + os.environ["RANK"]}
precision.measure_bfloat16_speedup = lambda: 4.0 if distributed.is_main_process() else 1.2
pathlib.Path(sys.argv[1], os.environ["RANK"]).write_text(precision.choose_precision("auto", torch.device("cpu")))
"""


def test_several_processes_choose_what_the_main_one_measured(cache, tmp_path):
    in_two_processes(MEASURING, tmp_path, str(tmp_path))
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["bfloat16"] * 2
