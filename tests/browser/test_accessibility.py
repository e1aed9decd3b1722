"""The lab without a mouse, and as axe-core judges it for those who see badly or not at all."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from labkit.config import RunConfig
from tests.browser.lab import COMPARISON, LIVE, LabPage
from tests.runs.samples import write_mistakes, write_run
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MOST_TABS = 120
IS_FOCUSED = "selector => !!document.activeElement?.closest(selector)"
ROWS = ".labkit-errors-rows .labkit-errors-row"
MOUSE_EVENTS = """() => {
    window.clicked = 0;
    for (const kind of ["mousedown", "pointerdown", "touchstart"])
        window.addEventListener(kind, () => window.clicked++, true);
}"""


def tab_to(lab: LabPage, selector: str, key: str = "Tab") -> None:
    """Presses Tab until the focus is in an element of this selector."""
    for _ in range(MOST_TABS):
        if lab.page.evaluate(IS_FOCUSED, selector):
            return
        lab.page.keyboard.press(key)
    raise AssertionError(f"{selector} is not reached by {key}; the focus is in {focused(lab)}")


def focused(lab: LabPage) -> str:
    found: str = lab.page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
    return found


def press(lab: LabPage, *keys: str) -> None:
    for key in keys:
        lab.page.keyboard.press(key)


def test_training_stopping_comparing_and_reading_errors_need_no_mouse(lab: LabPage, runs_folder: Path) -> None:
    for seed in (0, 1):
        write_mistakes(write_run(runs_folder, RunConfig(head_rate=1e-3 * (seed + 1))), seed=seed)
    lab.show(train_limit=320, dev_limit=24, epochs=50)
    cells = lab.page.locator(".jp-Cell").count()
    lab.page.evaluate(MOUSE_EVENTS)
    lab.page.evaluate("jupyterapp.commands.execute('notebook:enter-command-mode')")

    tab_to(lab, "button.labkit-train")
    press(lab, "Enter")
    lab.until_status("#3", "training")
    tab_to(lab, "button.labkit-stop")
    press(lab, "Space")
    lab.until_status("#3", "stopped")

    tab_to(lab, ".labkit-runs tr[data-id='run-0003'] input[type=checkbox]")
    chosen = "jupyterapp && [...document.querySelectorAll('.labkit-runs tr[data-id] input:checked')].length"
    before = lab.page.evaluate(chosen)
    press(lab, "ArrowDown", "Space", "ArrowDown", "Space")
    until(lambda: lab.page.evaluate(chosen) == before + 2, what="two more runs ticked")
    lab.page.locator(COMPARISON).wait_for()

    tab_to(lab, ".labkit-errors-kind select")
    press(lab, "e")  # everything, as a browser's own menus understand it
    until(lambda: lab.text("errors-count").startswith("1–20 of 62"), what="all sentences of dev")
    tab_to(lab, "button.labkit-errors-on")
    press(lab, "Enter")
    until(lambda: not lab.text("errors-count").startswith("1–"), what="the next page of errors")

    tab_to(lab, "button.labkit-advanced-button", "Shift+Tab")
    press(lab, "Enter")
    lab.page.locator(".labkit-dropout").first.wait_for()
    press(lab, "Enter")
    until(lambda: not lab.page.locator(".labkit-dropout").first.is_visible(), what="Advanced closed")

    assert lab.page.evaluate("window.clicked") == 0
    assert lab.page.locator(".jp-Cell").count() == cells  # no key was taken for "cut" or "new cell"
    assert lab.page.problems == []


def test_a_failed_run_is_explained_without_a_mouse(lab: LabPage, runs_folder: Path) -> None:
    lab.show(corpus="/nowhere/at/all.conll")
    tab_to(lab, "button.labkit-train")
    press(lab, "Enter")
    summary = lab.page.locator(".labkit-told summary")
    summary.wait_for()
    tab_to(lab, ".labkit-told summary")
    press(lab, "Enter")
    until(lambda: lab.page.locator(".labkit-told details > div").is_visible(), what="the whole message")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_lab(lab: LabPage, runs_folder: Path, theme: str) -> None:
    for seed in (0, 1, 2):
        state = "failed" if seed == 2 else "completed"
        write_mistakes(write_run(runs_folder, RunConfig(head_rate=1e-3 * (seed + 1)), state=state), seed=seed)
    lab.notebook.set_theme(theme)
    lab.show()
    lab.notebook.execute("lab.compare([1, 2])")
    lab.page.locator(COMPARISON).wait_for()
    lab.page.locator(ROWS).first.wait_for()
    lab.page.locator(LIVE).wait_for()
    assert find_serious(lab) == []
    lab.page.locator("button.labkit-advanced-button").click()
    lab.page.locator(".labkit-dropout").first.wait_for()
    assert find_serious(lab) == []


def find_serious(lab: LabPage) -> list[tuple[str, str]]:
    """Serious and critical findings of axe-core inside the lab: rule, and the first elements that break it."""
    found: dict[str, Any] = Axe().run(lab.page, ".labkit-lab").response
    return [
        (rule["id"], " ".join(node["html"][:200] + node["failureSummary"][-160:] for node in rule["nodes"][:4]))
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
