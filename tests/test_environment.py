"""Environment variables of processes that import torch, and the second exec of a command."""

import os
import sys
from typing import Any

import pytest

from labkit.environment import reexec_for_torch, torch_environment

HUGE = "glibc.malloc.hugetlb=1"


@pytest.fixture
def with_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36", raising=False)


KEPT = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_threads_wait_awake_code_is_kept_and_memory_comes_in_huge_pages(with_glibc: None) -> None:
    made = torch_environment({"HOME": "/home/anna"})
    assert made == {"HOME": "/home/anna", "GOMP_SPINCOUNT": "30000", KEPT: "4096", "GLIBC_TUNABLES": HUGE}


@pytest.mark.parametrize("name", [KEPT, "DNNL_PRIMITIVE_CACHE_CAPACITY"])
def test_how_much_code_is_kept_is_left_to_a_user_who_says_so(name: str) -> None:
    made = torch_environment({name: "64"})
    assert made[name] == "64"
    assert not {KEPT, "DNNL_PRIMITIVE_CACHE_CAPACITY"} - {name} & set(made)


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_how_threads_wait_is_left_to_a_user_who_says_so(name: str) -> None:
    made = torch_environment({name: "ACTIVE"})
    assert made[name] == "ACTIVE"
    assert not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} - {name} & set(made)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("", HUGE),
        ("glibc.malloc.arena_max=2", f"glibc.malloc.arena_max=2:{HUGE}"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_other_tunables_stay_and_a_user_may_refuse_huge_pages(with_glibc: None, given: str, made: str) -> None:
    assert torch_environment({"GLIBC_TUNABLES": given})["GLIBC_TUNABLES"] == made


def test_without_glibc_there_are_no_tunables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda name: None, raising=False)
    assert "GLIBC_TUNABLES" not in torch_environment({})


def test_it_is_the_same_a_second_time(with_glibc: None) -> None:
    assert torch_environment(torch_environment({})) == torch_environment({})


# --- starting anew


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, with_glibc: None) -> list[Any]:
    """Arguments of the calls of exec."""
    asked: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: asked.append(given))
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return asked


@pytest.mark.parametrize(
    "command",
    [
        ["python", "-m", "labkit", "train", "--epochs", "2"],
        ["python", "-u", "-m", "labkit", "train"],
        ["/somewhere/bin/python", "/somewhere/bin/labkit", "train"],
    ],
)
def test_the_program_starts_anew_once(started: list[Any], monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr(sys, "orig_argv", command)
    place = next(place for place, word in enumerate(command) if word.endswith("labkit"))
    monkeypatch.setattr(sys, "argv", ["/somewhere/labkit/__main__.py", *command[place + 1 :]])
    reexec_for_torch()
    ((program, words, variables),) = started
    assert (program, words[1:], variables["GLIBC_TUNABLES"]) == (sys.executable, command[1:], HUGE)
    monkeypatch.setenv("GLIBC_TUNABLES", HUGE)
    reexec_for_torch()
    assert len(started) == 1


@pytest.mark.parametrize("command", [["python", "-m", "pytest", "train"], ["python", "script.py"], ["python"]])
def test_another_program_that_calls_labkit_is_left_alone(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(sys, "orig_argv", command)
    monkeypatch.setattr(sys, "argv", ["labkit", "train"])
    reexec_for_torch()
    assert started == []
