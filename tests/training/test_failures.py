"""Reasons and hints follow the cause, by what libraries really raise."""

import errno
import os

import pytest
import torch

from labkit.config import RunConfig
from labkit.training.failures import DivergenceError, describe_failure

CONFIG = RunConfig(batch_size=16, max_pieces=128)
PRIMITIVE = RuntimeError("could not execute a primitive")
UNMAPPED = ImportError("libtorch_cpu.so: failed to map segment from shared object")


class SafetensorError(Exception):
    """As safetensors raises it, which is a kind of its own."""


def told(error, config=CONFIG, phase="training", **known):
    return describe_failure(error, config, 1.0, 5, phase, **known)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        PRIMITIVE,
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory: you tried"),
        SafetensorError("Error while deserializing header: I/O error: Cannot allocate memory (os error 12)"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lack_of_memory_is_known_by_whatever_tells_it(error):
    assert told(error).reason == "Out of memory at batch size 16, step 5."


def test_a_library_that_finds_no_memory_is_not_called_a_missing_package():
    end = told(UNMAPPED, phase="importing packages")
    assert end.reason == "Out of memory while importing packages, step 5."
    assert end.hint == "The batch size plays no part here: close other programs."
    missing = told(ImportError("No module named 'torchcrf'"))
    assert (missing.reason, missing.hint) == (
        "A package is missing: No module named 'torchcrf'.",
        "Run `make setup`.",
    )


@pytest.mark.parametrize(
    ("changes", "longest_window", "hint"),
    [
        (
            {},
            128,
            "Try batch size 8 (with accumulate 2 the step stays the same), a shorter longest window "
            "(max_pieces 64 instead of 128), or a smaller encoder.",
        ),
        ({"batch_size": 5}, 128, "Try batch size 2, a shorter longest window (max_pieces 64 instead of 128), or a sm"),
        (
            {"accumulate": 1024},
            128,
            "Try batch size 8, a shorter longest window (max_pieces 64 instead of 128), or a sm",
        ),
        ({"batch_size": 1}, 128, "Try a shorter longest window (max_pieces 64 instead of 128) or a smaller encoder."),
        ({"batch_size": 1}, 60, "Try a shorter longest window (max_pieces 30 instead of 128) or a smaller encoder."),
        ({"batch_size": 1, "max_pieces": 8}, 8, "Try a smaller encoder."),
        ({"token_budget": 300}, 128, "Try token budget 150 (with accumulate 2 the step stays the same), a shorter"),
        ({"token_budget": 100}, 128, "Try a shorter longest window (max_pieces 64 instead of 128) or a smaller enc"),
    ],
)
def test_what_is_proposed_against_lack_of_memory_is_smaller_than_what_there_is(changes, longest_window, hint):
    assert told(MemoryError(), CONFIG.replace(**changes), longest_window=longest_window).hint.startswith(hint)


@pytest.mark.parametrize(
    ("phase", "rest"),
    [
        ("evaluating", ", or try a shorter longest window (max_pieces 64 instead of 128) or a smaller encoder."),
        ("loading the encoder", ", or try a smaller encoder."),
        ("reading the corpus", "."),
    ],
)
def test_outside_of_training_only_what_plays_a_part_is_proposed(phase, rest):
    begun = "The batch size plays no part here: close other programs"
    assert told(MemoryError(), phase=phase).hint == begun + rest


@pytest.mark.parametrize(
    "error",
    [
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_is_told_with_what_is_free_and_where(error, tmp_path):
    end = told(error, folder=tmp_path)
    assert end.reason == "No room on the disk for what the run writes, step 5."
    assert f" MiB are free in {tmp_path}: delete what is not needed" in end.hint


def test_a_full_disk_is_told_by_the_file_that_found_no_room(tmp_path):
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "cache" / "x"))
    (tmp_path / "cache").mkdir()
    assert f"free in {tmp_path / 'cache'}: " in told(error).hint
    assert told(OSError(errno.ENOSPC, "", "/no/such/place")).hint.startswith("Delete what is not needed")


@pytest.mark.parametrize(
    "reason",
    [
        "data/badtags/dev.txt:71: B-X occurs here",
        "minilm is not here; fetch it",
        "Data/x.txt: cannot be read",
        "trackers: x is not installed here",
    ],
)
def test_a_reason_keeps_its_case(reason):
    assert told(ValueError(reason)).reason == reason


@pytest.mark.parametrize(
    ("rates", "changes", "group"),
    [
        ({"encoder": 5e-5, "head": 3e-1}, {}, "head"),
        ({"encoder": 1e-2, "head": 1e-2}, {}, "encoder"),
        ({"encoder": 5e-5, "head": 1e-2, "crf": 1.0}, {}, "crf"),
        ({"encoder": 3e-4, "head": 1e-2}, {"downstream": "idcnn"}, "head"),
        ({"encoder": 1e-3, "head": 2e-2}, {"encoder": "tiny-zh"}, "head"),
    ],
)
def test_the_rate_to_lower_is_that_which_is_furthest_above_the_usual(rates, changes, group):
    assert told(DivergenceError(3, 99.0, rates), CONFIG.replace(**changes)).hint.startswith(f"Lower the {group} rate")


def test_no_rate_is_blamed_where_none_has_moved_anything():
    first = DivergenceError(1, float("nan"), {"encoder": 1e-2, "head": 1e-2})
    assert told(first).hint == "Nothing was learnt yet, so no rate is to blame: try precision float32."
    assert told(first, CONFIG.replace(precision="float32")).hint.endswith("no rate is to blame: try another encoder.")
    assert told(DivergenceError(3, 99.0, {"encoder": 0.0, "head": 0.0})).hint == ""


def test_a_loss_is_told_as_it_was_judged():
    rates = {"encoder": 5e-5, "head": 0.1}
    judged = [
        told(DivergenceError(12, 31.0, rates, steps=5)).reason,
        told(DivergenceError(3, 1639894.0, rates, "dev")).reason,
        told(DivergenceError(3, float("nan"), rates, "dev")).reason,
    ]
    assert judged == [
        "The loss exploded to 31 per word, the mean of the last 5 steps, at step 12 (rates: encoder 5e-5, head 1e-1).",
        "The dev loss exploded to 1.64e+06 per word at step 3 (peak rates: encoder 5e-5, head 1e-1).",
        "The dev loss is not a number at step 3 (peak rates: encoder 5e-5, head 1e-1).",
    ]
