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


def shown(*steps: str) -> list[str | None]:
    """What is shown after each look at runs like `a:completed b:running`; `b! …` is a click on b before it."""
    return [run for run, _ in looks(*steps)]


def stopped(*steps: str) -> list[str | None]:
    """What the Stop button would end after each look."""
    return [run for _, run in looks(*steps)]


def looks(*steps: str) -> list[tuple[str | None, str | None]]:
    page, found = DisplayedRun(), []
    for told in steps:
        clicked, _, listed = told.rpartition("! ")
        runs: Any = [FakeRun(*each.split(":")) for each in listed.split()]
        if clicked:
            page.show(next(run for run in runs if run.name == clicked))
        page.update(runs, [run for run in runs if run.state == "running"])
        found.append((page.run and page.run.folder.name, page.stop_target and page.stop_target.folder.name))
    return found


def test_at_first_it_is_the_live_run_else_the_newest_that_has_begun() -> None:
    assert shown("") == [None]
    assert shown("a:completed b:completed c:queued") == ["b"]
    assert shown("a:running b:completed") == ["a"]
    assert shown("a:queued") == ["a"]


def test_it_is_what_was_clicked_until_another_run_starts() -> None:
    ended = "a:completed b:completed"
    assert shown(ended, f"a! {ended}", ended, f"{ended} c:running", f"{ended} c:completed") == [*"baacc"]


def test_it_gives_way_when_it_is_deleted() -> None:
    assert shown("a! a:completed b:completed", "b:completed") == ["a", "b"]


def test_a_queued_run_waits_for_its_turn_unless_it_is_clicked() -> None:
    assert shown("a:running b:queued", "a:completed b:running") == ["a", "b"]
    assert shown("a:running b:queued", "b! a:running b:queued", "a:running b:queued") == ["a", "b", "b"]


def test_a_run_that_begins_in_a_terminal_does_not_take_the_place_of_one_that_trains() -> None:
    both = "a:running b:running"
    assert shown("a:running", both, "a:running b:failed", "a:completed b:failed") == ["a"] * 4
    assert shown("a:running", both, "a:completed b:running") == ["a", "a", "b"]


def test_an_ended_run_that_is_clicked_while_another_trains_stays_and_one_click_goes_back() -> None:
    one = "a:completed b:running"
    assert shown(one, f"a! {one}", one, f"b! {one}", "a:completed b:completed") == [*"baabb"]


def test_stop_ends_the_run_that_is_shown_or_else_one_that_trains() -> None:
    one, two = "a:completed b:running", "a:completed b:running c:running"
    assert stopped("a:completed") == [None]
    assert stopped(one, f"a! {one}", two, f"c! {two}") == ["b", "b", "c", "c"]
    assert stopped(one, two, "a:completed b:completed c:running") == ["b", "b", "c"]
