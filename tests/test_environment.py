"""Environment variables of processes that import torch."""

import pytest

from labkit.environment import torch_environment

KEPT = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_threads_wait_awake_and_code_is_kept() -> None:
    made = torch_environment({"HOME": "/home/anna"})
    assert made == {"HOME": "/home/anna", "GOMP_SPINCOUNT": "30000", KEPT: "4096"}
    assert torch_environment(made) == made


@pytest.mark.parametrize("name", [KEPT, "DNNL_PRIMITIVE_CACHE_CAPACITY"])
def test_how_much_code_is_kept_is_left_to_a_user_who_says_so(name: str) -> None:
    made = torch_environment({name: "64"})
    assert made[name] == "64"
    assert not ({KEPT, "DNNL_PRIMITIVE_CACHE_CAPACITY"} - {name}) & set(made)


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_how_threads_wait_is_left_to_a_user_who_says_so(name: str) -> None:
    made = torch_environment({name: "ACTIVE"})
    assert made[name] == "ACTIVE"
    assert not ({"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} - {name}) & set(made)
