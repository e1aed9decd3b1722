"""What runs got wrong and what their CRF has learnt, in a real JupyterLab, in a real browser."""

from pathlib import Path

import pytest

from labkit.runs.predictions import read_predictions
from tests.browser.lab import LabPage
from tests.runs.samples import write_mistakes, write_run
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TRANSITIONS = ".labkit-transitions img"
ROWS = ".labkit-errors-rows .labkit-errors-row"


def test_a_real_runs_errors_and_its_crf_are_shown(lab: LabPage, one_run: Path) -> None:
    lab.show()
    told = read_predictions(one_run, "dev")
    assert told is not None
    assert told.sentences
    lab.page.locator(".labkit-errors-kind select").select_option("everything")
    until(lambda: lab.page.locator(ROWS).count() == min(20, len(told.sentences)), what="a row for each sentence")
    first = next(iter(told.sentences.values()))
    assert first.words[0] in lab.page.locator(ROWS).first.inner_text()
    until(lambda: lab.picture(TRANSITIONS).width > 600, what="the heat map")
    colours = lab.picture(TRANSITIONS).crop((100, 140, 400, 450)).getcolors(1 << 20) or []
    assert len({colour for _, colour in colours if max(colour) - min(colour) > 12}) > 20  # type: ignore[type-var,operator]
    assert lab.page.problems == []


def test_errors_are_turned_over_filtered_and_put_beside_another_runs(lab: LabPage, runs_folder: Path) -> None:
    for seed in (0, 1):
        write_mistakes(write_run(runs_folder), seed=seed)
    lab.show()
    lab.page.locator(ROWS).first.wait_for()
    assert "1–20 of" in lab.text("errors-count")
    lab.page.locator("button.labkit-errors-on").click()
    until(lambda: lab.text("errors-count").startswith("21–"), what="the next page")
    lab.page.locator(".labkit-errors-kind select").select_option("wrong type")
    until(lambda: lab.text("errors-count").startswith("1–"), what="the first page of what is asked for")
    assert lab.page.locator(f"{ROWS} small.labkit-kind-wrong-type").count() > 0
    lab.page.locator(".labkit-errors-beside select").select_option(index=1)  # nobody, this one
    until(lambda: lab.page.locator(f"{ROWS}:nth-child(2) > div").count() == 2, what="two runs on one sentence")
    boxes = [lab.page.locator(f"{ROWS}:nth-child(2) > div").nth(place).bounding_box() for place in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert not lab.is_hacked()
    assert lab.page.problems == []
