"""Memo: a cache of the latest value of each name, made again when its key changes."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """Cache of one value a name, the latest; not locked.

    >>> memo = Memo()
    >>> [memo("square", number, lambda: number**2) for number in (2, 2, 3)]
    [4, 4, 9]
    """

    def __init__(self) -> None:
        self._latest: dict[Hashable, tuple[object, Any]] = {}

    def __call__(self, name: Hashable, key: object, make: Callable[[], T]) -> T:
        """The value that `make` returned when `key` was last another one."""
        known = self._latest.get(name)
        if known is None or known[0] != key:
            known = self._latest[name] = key, make()
        value: T = known[1]
        return value
