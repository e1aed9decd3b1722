"""Which run the page shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.lab.shown import Shown


@dataclass(frozen=True)
class FakeRun:
    name: str
    state: str = "completed"

    @property
    def folder(self) -> Path:
        return Path(self.name)


def shown(steps: list[tuple[str, str]]) -> list[str | None]:
    """What is shown after each look, told as (`a:completed b:running`, `names that are ticked`)."""
    page, found = Shown(), []
    for told, ticked in steps:
        runs: Any = [FakeRun(*each.split(":")) for each in told.split()]
        page.follow(runs, [run for run in runs if run.state == "running"], ticked.split())
        found.append(page.run.folder.name if page.run else None)
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
