"""Which run the page shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.lab.displayed_run import DisplayedRun


@dataclass(frozen=True)
class FakeRun:
    name: str
    state: str = "completed"

    @property
    def folder(self) -> Path:
        return Path(self.name)


def shown(steps: list[tuple[str, str]]) -> list[str | None]:
    """What is shown after each look, told as (`a:completed b:running`, `names that are ticked`)."""
    return [run for run, _ in looks(steps)]


def stopped(steps: list[tuple[str, str]]) -> list[str | None]:
    """What the Stop button would end after each look."""
    return [run for _, run in looks(steps)]


def looks(steps: list[tuple[str, str]]) -> list[tuple[str | None, str | None]]:
    page, found = DisplayedRun(), []
    for told, ticked in steps:
        runs: Any = [FakeRun(*each.split(":")) for each in told.split()]
        page.update(runs, [run for run in runs if run.state == "running"], ticked.split())
        found.append((page.run and page.run.folder.name, page.stop_target and page.stop_target.folder.name))
    return found


def test_at_first_it_is_the_live_run_else_the_newest_that_has_begun() -> None:
    assert shown([("", "")]) == [None]
    assert shown([("a:completed b:completed c:queued", "")]) == ["b"]
    assert shown([("a:running b:completed", "")]) == ["a"]
    assert shown([("a:queued", "")]) == ["a"]


def test_it_is_what_was_ticked_or_began_last() -> None:
    runs = "a:completed b:completed"
    assert shown([(runs, ""), (runs, "a"), (f"{runs} c:running", "a"), (f"{runs} c:running", "a b")]) == [*"bacb"]


def test_it_stays_when_nothing_new_happens_and_gives_way_when_it_is_deleted() -> None:
    runs = "a:completed b:completed"
    assert shown([(runs, "a"), (runs, ""), (runs, "")]) == ["a", "a", "a"]
    assert shown([(runs, "a"), ("b:completed", "a")]) == ["a", "b"]


def test_a_queued_run_that_is_ticked_waits_for_its_turn_while_another_trains() -> None:
    assert shown([("a:running b:queued", "a b"), ("a:completed b:running", "a b")]) == ["a", "b"]
    assert shown([("a:completed b:queued", "b")]) == ["b"]


def test_a_run_that_begins_in_a_terminal_does_not_take_the_place_of_one_that_trains() -> None:
    lab, both = ("a:running", "a"), ("a:running b:running", "a")
    assert shown([lab, both, ("a:running b:failed", "a"), ("a:completed b:failed", "a")]) == ["a"] * 4
    assert shown([lab, ("a:running b:failed", "a")]) == ["a", "a"]
    assert shown([lab, both, ("a:completed b:running", "a")]) == ["a", "a", "b"]


def test_a_run_of_the_lab_is_shown_when_its_turn_comes_though_another_trains() -> None:
    assert shown([("a:running b:queued", "b"), ("a:running b:running", "b")]) == ["a", "b"]


def test_an_ended_run_that_is_ticked_while_another_trains_stays() -> None:
    one, two = "a:completed b:running", "a:completed b:running c:running"
    assert shown([(one, ""), (one, "a"), (one, "a"), (two, "a"), ("a:completed b:failed c:running", "a")]) == [*"baaaa"]


def test_stop_ends_the_run_that_is_shown_or_else_one_that_trains() -> None:
    one, two = "a:completed b:running", "a:completed b:running c:running"
    assert stopped([("a:completed", "a")]) == [None]
    assert stopped([(one, ""), (one, "a"), (two, "a"), (two, "a c")]) == ["b", "b", "b", "c"]
    assert stopped([(one, "b"), (two, "b"), ("a:completed b:completed c:running", "b")]) == ["b", "b", "c"]
