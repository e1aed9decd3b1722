"""What is kept, for how long, and what an error leaves behind."""

import pytest

from labkit.memo import Memo


def test_a_value_is_made_once_a_key_and_only_the_latest_is_kept() -> None:
    memo, made = Memo(), []

    def ask(name: str, key: object) -> int:
        return memo(name, key, lambda: made.append((name, key)) or len(made))

    assert [ask("plan", key) for key in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 3]
    assert [ask("other", 1), ask("plan", 1), ask("other", 1)] == [4, 3, 4]
    assert made == [("plan", 1), ("plan", 2), ("plan", 1), ("other", 1)]


def test_keys_are_compared_as_equal_and_none_is_a_value_like_any() -> None:
    memo = Memo()
    assert memo("x", ([1], "a"), lambda: None) is None
    assert memo("x", ([1], "a"), lambda: pytest.fail("made again")) is None


def test_after_an_error_the_value_is_made_again() -> None:
    memo = Memo()
    memo("x", 1, lambda: "old")
    with pytest.raises(ZeroDivisionError):
        memo("x", 2, lambda: 1 / 0)
    assert memo("x", 2, lambda: "new") == "new"
