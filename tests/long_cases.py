"""Cases of parametrised tests that only `make test-long` runs."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def mostly_long(cases: Iterable[Any], is_kept: Callable[[Any], bool]) -> list[Any]:
    """All cases, marked `long` but those kept for `make test`; a case of several arguments is a tuple."""
    return [case if is_kept(case) else pytest.param(*_arguments(case), marks=pytest.mark.long) for case in cases]


def seeds(count: int) -> list[Any]:
    """So many seeds, and ten times as many in `make test-long`."""
    return mostly_long(range(10 * count), lambda seed: seed < count)


def _arguments(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
