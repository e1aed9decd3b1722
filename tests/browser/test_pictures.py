"""Pictures of the lab, by which a change of its look is judged.

Made only where LABKIT_SCREENSHOTS names the folder that they go into:

    LABKIT_SCREENSHOTS=/tmp/pictures python -m pytest tests/browser -k pictures
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.config import RunConfig
from tests.browser.lab import COMPARISON, LabPage
from tests.runs.samples import write_mistakes, write_run
from tests.waiting import until

FOLDER = os.environ.get("LABKIT_SCREENSHOTS", "")
LONG = {"train_limit": 320, "dev_limit": 24, "epochs": 50}
Shoot = Callable[[str], None]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not FOLDER, reason="pictures are made where LABKIT_SCREENSHOTS names a folder for them"),
]


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (1920, "light"), (1920, "dark")], ids=str)
def shoot(request: pytest.FixtureRequest, lab: LabPage) -> Shoot:
    """Saves a picture of the page as it is, in a window of each width and theme."""
    width, theme = request.param
    lab.page.set_viewport_size({"width": width, "height": 1700})
    lab.notebook.set_theme(theme)

    def shoot(name: str) -> None:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        lab.page.screenshot(path=Path(FOLDER) / f"{name}-{width}-{theme}.png")

    return shoot


def test_pictures_of_a_run_that_trains(lab: LabPage, shoot: Shoot) -> None:
    lab.show(**LONG)
    shoot("start")
    lab.train()
    lab.until_status("#1", "training")
    shoot("training-begins")
    lab.until_steps(1, more_than=45)
    lab.page.wait_for_timeout(1500)  # drawn by the next look
    shoot("training")
    lab.train()
    until(lambda: "1 waiting" in lab.text("queue"), what="the queue is shown")
    lab.page.locator("button.labkit-advanced-button").click()
    lab.page.locator(".labkit-dropout").first.wait_for()
    shoot("advanced-and-queue")


def test_pictures_of_ten_runs_compared(lab: LabPage, shoot: Shoot, runs_folder: Path, one_run: Path) -> None:
    states = ["completed"] * 6 + ["stopped", "failed", "interrupted"]
    rates = (5e-5, 2e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 1e-1, 5e-3)
    for place, (state, rate) in enumerate(zip(states, rates, strict=True)):
        write_run(runs_folder, RunConfig(head_rate=rate, batch_size=8 << place % 3), 300, state, seed=place)
    lab.show()
    until(lambda: len(lab.rows()) == 10, what="ten rows")
    lab.page.locator("button.labkit-try-go").click()
    until(lambda: "found by" in lab.text("try-answer"), 90, "an answer")
    for count, layout in ((3, "side by side"), (3, "overlaid"), (10, "overlaid"), (10, "side by side")):
        lab.notebook.execute(f"lab.compare({list(range(1, count + 1))}, layout={layout!r})")
        lab.page.locator(COMPARISON).wait_for()
        lab.page.wait_for_timeout(1500)  # drawn by the next look
        shoot(f"compare-{count}-{layout.replace(' ', '-')}")


def test_pictures_in_chinese(lab: LabPage, shoot: Shoot, runs_folder: Path, one_run: Path) -> None:
    """Chinese letters in every place that may hold them: labels, plots, names, types and texts of entities."""
    for place, rate in enumerate((5e-5, 1e-3, 1e-2)):
        write_run(runs_folder, RunConfig(head_rate=rate, epochs=2 + place, downstream=("none", "bilstm")[place % 2]))
    try:
        lab.notebook.execute("from labkit.i18n.translation import set_language\nset_language('zh')")
        lab.show(**LONG)
        lab.store.rename(lab.run(2), "人民日报语料，下游学习率很小 $5e-5$")
        text = "王小明在北京大学读书，他的导师是李教授。2024 年 ABC 公司在上海上市。"
        marked = (("PER", "王小明"), ("机构", "北京大学"), ("PER", "李教授"), ("ORG", "ABC 公司"), ("LOC", "上海"))
        places = [(kind, text.index(words), len(words)) for kind, words in marked]
        found = [{"type": kind, "start": at, "end": at + size, "confidence": 0.9} for kind, at, size in places]
        answer = {"entities": found, "seconds": 0.1}
        lab.notebook.execute(
            f"from labkit.lab.try_it import render_prediction\nlab.try_it.text.value = {text!r}\n"
            f"answer = lambda: render_prediction({text!r}, {answer!r}, lab.store.get(2))\n"
            "lab.try_it._show_answer(lab.try_it._request_number, answer)"
        )
        for layout in ("side by side", "overlaid"):
            lab.notebook.execute(f"lab.compare([1, 2, 3, 4], layout={layout!r})")
            lab.page.locator(COMPARISON).wait_for()
            lab.page.wait_for_timeout(1500)  # drawn by the next look
            shoot(f"chinese-{layout.replace(' ', '-')}")
            lab.page.locator(".labkit-runs").scroll_into_view_if_needed()
            lab.page.locator(".labkit-try-answer").scroll_into_view_if_needed()
            shoot(f"chinese-{layout.replace(' ', '-')}-below")
        lab.train()
        lab.until_steps(5)
        lab.page.locator("button.labkit-advanced-button").click()
        lab.page.locator(".labkit-dropout").first.wait_for()
        lab.page.wait_for_timeout(1500)
        shoot("chinese-advanced")
    finally:
        lab.notebook.execute("from labkit.i18n.translation import set_language\nset_language('en')")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures_of_errors_and_of_what_the_crf_has_learnt(
    lab: LabPage, shoot: Shoot, runs_folder: Path, one_run: Path, language: str
) -> None:
    try:
        lab.notebook.execute(f"from labkit.i18n.translation import set_language\nset_language({language!r})")
        for seed, rate in ((1, 1e-3), (2, 1e-2)):
            write_mistakes(write_run(runs_folder, RunConfig(head_rate=rate)), seed, chinese=language == "zh")
        lab.show()
        lab.notebook.execute("lab.compare([1])")
        lab.page.wait_for_timeout(1500)  # drawn by the next look
        shoot(f"crf-{language}")
        lab.page.locator(".labkit-errors").scroll_into_view_if_needed()
        shoot(f"errors-{language}")
        lab.page.locator(".labkit-errors-run select").select_option(index=1)  # the newest is of another corpus
        lab.page.locator(".labkit-errors-beside select").select_option(index=1)
        until(lambda: "--runs: 2" in lab.page.locator(".labkit-errors-list").inner_html(), what="two runs")
        shoot(f"errors-beside-{language}")
    finally:
        lab.notebook.execute("from labkit.i18n.translation import set_language\nset_language('en')")


def test_pictures_of_what_goes_wrong(lab: LabPage, shoot: Shoot, runs_folder: Path) -> None:
    lab.show()
    bad = runs_folder.parent / "bad-tags.txt"
    bad.write_text("anna\tX-PER\n")
    lab.page.locator(".labkit-corpus select").select_option("other…")
    lab.notebook.enter("corpus", str(bad))
    until(lambda: lab.notebook.ask("lab.controls.corpus.value") == str(bad), what="the corpus taken")
    lab.train()
    lab.until_status("#1", "failed")
    lab.page.locator(".labkit-corpus select").select_option("other…")
    lab.notebook.enter("corpus", "no-such-corpus")
    lab.page.locator(".labkit-plan .labkit-problem").wait_for()
    lab.notebook.enter("head_rate", "fast")
    lab.page.locator(".labkit-error:visible").wait_for()
    shoot("wrong")
    lab.page.locator(".labkit-failure summary").click()
    shoot("wrong-unfolded")
