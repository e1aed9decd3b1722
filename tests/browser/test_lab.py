"""The tuning lab in a real JupyterLab, in a real browser, with the real encoder, driven as a person would."""

import time
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.lab.tuning_lab import DOUBLE_CLICK_S
from tests.browser.lab import COMPARISON, LIVE, SMALL, LabPage
from tests.runs.samples import write_run
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LONG = {"train_limit": 320, "dev_limit": 8, "epochs": 50}  # lasts until it is stopped
STILL = [".labkit-lab", ".labkit-first", LIVE, "button.labkit-train", "button.labkit-stop", ".labkit-plan"]
STILL += [".labkit-head_rate .noUi-handle", ".labkit-head"]
STILL += [".labkit-status", ".labkit-spent", ".labkit-runs"]
WITHOUT_TYPES = """answer => {
    const text = answer.cloneNode(true);
    text.querySelectorAll("small").forEach(type => type.remove());
    return text.textContent;
}"""

SCROLLING = """() => [...document.querySelectorAll(".labkit-lab, .labkit-lab .widget-box")]
  .filter(box => box.clientWidth && box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto")
  .map(box => box.className)"""


def test_the_lab_comes_up_whole_and_without_an_error_on_the_page(lab: LabPage) -> None:
    lab.show()
    assert lab.page.locator(".labkit-title").all_inner_texts() == ["RUN", "RUNS", "ERRORS", "TRY IT"]
    for field in (
        "corpus",
        "train_limit",
        "encoder",
        "downstream",
        "epochs",
        "batch_size",
        "encoder_rate",
        "head_rate",
    ):
        assert lab.page.locator(f".labkit-{field}").first.is_visible(), field
    assert not lab.page.locator(".labkit-advanced").is_visible()
    assert lab.page.locator("button.labkit-train").is_enabled()
    assert lab.page.locator("button.labkit-stop").is_disabled()
    assert "No run yet" in lab.status
    until(lambda: "12 steps" in lab.text("plan"), what="the plan of 2 epochs of 96 sentences")
    assert lab.page.get_by_text("Press Train: the curves appear here.").is_visible()
    assert lab.page.evaluate(SCROLLING) == [], "a scrollbar where all has room"
    assert lab.page.problems == []


def test_sliders_are_set_by_keyboard_to_exact_values_and_any_value_can_be_typed(lab: LabPage) -> None:
    lab.show(**SMALL, encoder_rate=5e-5, head_rate=5e-3)

    def setting(field: str) -> object:
        return lab.notebook.ask(f"lab.controls.{field}.value")

    for wanted, shown in ((3e-5, "3e-5"), (2e-5, "2e-5")):
        lab.notebook.slide("encoder_rate", -1)
        until(lambda wanted=wanted: setting("encoder_rate") == wanted, what=f"an encoder rate of {shown}")
        assert lab.notebook.exact("encoder_rate").input_value() == shown
    lab.notebook.slide("batch_size", 1)
    until(lambda: setting("batch_size") == 32, what="a batch size of 32")
    until(lambda: "6 steps" in lab.text("plan"), what="the plan for the larger batch")
    lab.notebook.exact("batch_size").press("ArrowDown")
    until(lambda: setting("batch_size") == 31, what="a batch size one smaller")
    assert lab.notebook.exact("batch_size").input_value() == "31"
    lab.notebook.enter("encoder_rate", "2.5e-5")
    until(lambda: setting("encoder_rate") == 2.5e-5, what="the typed encoder rate")
    lab.notebook.enter("head_rate", "fast")
    problem = lab.page.locator(".labkit-error:visible")
    problem.wait_for()
    assert problem.inner_text() == "'fast' is not a number; write it like 2.5e-5 or 0.01. Still 5e-3."
    assert setting("head_rate") == 5e-3


def test_advanced_settings_come_when_they_are_unfolded_and_can_be_set(lab: LabPage) -> None:
    lab.show()
    assert lab.page.locator(".labkit-clip_norm").count() == 0
    button = lab.page.locator("button.labkit-advanced-button")
    button.focus()
    lab.page.keyboard.press("Enter")
    lab.page.locator(".labkit-seed").last.wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    for name in ("decoder", "device", "mix_layers", "trackers", "seed"):
        row = lab.page.locator(f".labkit-help-{name}")
        row.locator("label:visible").first.hover()
        assert row.get_attribute("title") == lab.notebook.ask(f"lab.controls.{name}.help")
        assert row.locator("[title]").count() == 0
    lab.notebook.enter("clip_norm", "0.5")
    until(lambda: lab.notebook.ask("lab.controls.clip_norm.value") == 0.5, what="the typed norm")
    until(lambda: button.inner_text() == "Advanced (2 changed)", what="dev_limit and this one are changed")
    button.click()
    lab.page.locator(".labkit-clip_norm").first.wait_for(state="hidden")
    assert lab.page.problems == []


def test_the_live_picture_changes_while_a_run_trains_and_nothing_on_the_page_moves(lab: LabPage) -> None:
    lab.show(**LONG)
    lab.train()
    lab.until_status("#1", "training")
    lab.until_steps(1)
    until(lambda: "#1" in lab.text("about"), what="all that one look at the run says is on the page")
    until(lambda: not lab.text("queue"), what="the run no longer waits")
    lab.watch(STILL)
    until(lambda: lab.watched()["pictures"] >= 5, 120, "five different pictures")
    until(lambda: len(lab.run(1).evaluations) >= 2, 120, "two evaluations")
    assert lab.run(1).best is not None
    until(lambda: "encoder –" not in lab.text("spent"), what="where the time goes")
    seen = lab.watched(end=True)
    assert {place: px for place, px in seen["moved"].items() if px > 1} == {}
    assert seen["hidden"] == 0
    assert seen["frames"] > 20
    assert lab.page.problems == []


def test_stop_ends_the_run_and_the_status_says_so(lab: LabPage) -> None:
    lab.show(**LONG)
    lab.page.locator("button.labkit-train").dblclick()
    lab.until_steps(1)
    until(lambda: "Stop #1" in lab.page.locator("button.labkit-stop").inner_text(), what="the button names its run")
    lab.stop()
    lab.until_status("#1", "stopped")
    assert [run.title for run in lab.store.runs()] == ["#1"], "a double click on Train is one run"
    assert lab.run(1).state == "stopped"
    until(lab.page.locator("button.labkit-stop").is_disabled, what="nothing left to stop")


def test_train_pressed_while_a_run_trains_waits_for_its_turn_and_the_queue_can_be_emptied(lab: LabPage) -> None:
    lab.show(**LONG)
    lab.train()
    lab.until_steps(1)
    until(
        lambda: "Queue this run" in lab.page.locator("button.labkit-train").inner_text(),
        what="the button says what it does",
    )
    lab.page.wait_for_timeout(1000 * DOUBLE_CLICK_S)  # or it belongs to the first click
    lab.train()
    until(lambda: "1 waiting" in lab.text("queue"), what="the queue is shown")
    lab.page.locator("button.labkit-empty").click()
    until(lambda: len(lab.rows()) == 1, what="the queued run is gone")
    assert lab.run(1).is_live


def test_a_retrained_run_is_compared_with_the_one_before(lab: LabPage, one_run: Path) -> None:
    lab.show(train_limit=64, dev_limit=16, epochs=1, head_rate=5e-3)
    lab.row(lab.run(1)).get_by_role("checkbox").click()
    lab.page.locator("button.labkit-more-columns").click()
    lab.notebook.slide("head_rate", -3)
    until(lambda: lab.notebook.ask("lab.controls.head_rate.value") == 1e-3, what="the head rate moved")
    lab.train()
    lab.page.locator(COMPARISON).wait_for(timeout=90_000)
    lab.until_status("#2", "completed")
    assert lab.rows() == ["run-0002", "run-0001"]
    figures = lambda: lab.figures(lab.run(2))  # noqa: E731
    until(lambda: {key for key, text in figures().items() if text == "–"} <= {"illegal"}, what="all figures of run 2")
    latest = lab.run(2).evaluations[-1]
    assert figures()["illegal"] == (f"{latest.illegal:,}" if latest.predicted else "–"), "it predicted no entity"
    config = lab.run(2).config
    assert config is not None
    assert config.head_rate == 1e-3
    side_by_side = lab.picture(COMPARISON)
    lab.page.get_by_role("button", name="overlaid").click()
    until(lambda: lab.picture(COMPARISON).tobytes() != side_by_side.tobytes(), what="the runs laid over each other")
    overlaid = lab.picture(COMPARISON)
    lab.page.locator(".labkit-compare-axis select").select_option("seconds")
    until(lambda: lab.picture(COMPARISON).tobytes() != overlaid.tobytes(), what="the runs along seconds")
    header = lab.page.locator(".labkit-runs th[data-key=head_rate]")
    for order, rows in (("ascending", ["run-0002", "run-0001"]), ("descending", ["run-0001", "run-0002"])):
        header.get_by_role("button").click()
        until(lambda order=order: header.get_attribute("aria-sort") == order, what=order)
        assert lab.rows() == rows
    lab.notebook.restart_kernel()
    lab.show()
    until(lambda: lab.rows() == ["run-0001", "run-0002"], what="the order outlives the kernel")
    assert header.get_attribute("aria-sort") == "descending"
    assert lab.page.locator(".labkit-compare-axis select option:checked").inner_text() == "seconds"
    assert lab.page.locator(".labkit-runs tr.labkit-selected").count() == 2


def test_a_live_run_is_found_again_after_a_reload_and_after_a_restart_of_the_kernel(lab: LabPage) -> None:
    lab.show(**LONG)
    lab.train()
    step = lab.until_steps(1)
    for come_back in (lab.notebook.reload, lab.notebook.restart_kernel):
        come_back()
        lab.show(**LONG)
        lab.until_status("#1", "training")
        step = lab.until_steps(1, more_than=step)
        first = lab.picture(LIVE).tobytes()
        until(lambda first=first: lab.picture(LIVE).tobytes() != first, 90, "the picture goes on")
    lab.stop()
    lab.until_status("#1", "stopped")
    assert lab.rows() == ["run-0001"]


def test_a_run_completes_while_nobody_looks(lab: LabPage) -> None:
    lab.show(train_limit=64, dev_limit=16, epochs=1)
    lab.train()
    run = until(lambda: next(iter(lab.store.runs()), None), what="a run folder")
    lab.notebook.reload()
    run.wait(timeout_s=120)
    assert run.state == "completed", run.finished
    lab.show()
    lab.until_status("#1", "completed")


def test_stop_works_while_a_cell_blocks_the_kernel(lab: LabPage) -> None:
    """Leans on labkit/lab/page_widgets.py, and so on a private name of ipykernel: this test tells when that is gone."""
    lab.show(**LONG)
    lab.train()
    lab.until_steps(1)
    lab.notebook.run_cell(lab.cell + 1, wait=False)
    until(lambda: lab.notebook.is_running(lab.cell + 1), what="the blocking cell has begun")
    try:
        lab.stop()
        pressed = time.monotonic()
        until(lambda: not lab.run(1).is_live, 45, "the run ended, though a cell blocked the kernel")
        assert lab.notebook.is_running(lab.cell + 1), "the cell ended first, so that nothing was tested"
        assert time.monotonic() - pressed < 30
    finally:
        lab.notebook.interrupt()
    assert lab.run(1).state == "stopped"
    lab.until_status("#1", "stopped")


def test_try_it_marks_a_sentence_and_shows_its_markup_as_text(lab: LabPage, one_run: Path) -> None:
    lab.show()
    text = "<script>window.hacked=1</script> <b>x</b> in <img src=x onerror=window.hacked=1> Berlin"
    box = lab.page.locator(".labkit-try-text textarea")
    box.fill(text)
    box.press("Tab")
    lab.page.locator("button.labkit-try-go").click()
    until(lambda: "found by #1" in lab.text("try-answer"), 90, "an answer")
    assert lab.page.locator(".labkit-try-answer .labkit-text").evaluate(WITHOUT_TYPES) == text
    assert not lab.is_hacked()


def test_a_run_is_renamed_in_the_table_and_its_name_stays_text_everywhere(lab: LabPage, one_run: Path) -> None:
    lab.show()
    name = "<img src=x onerror=window.hacked=1>"
    row = lab.row(lab.run(1))
    row.hover()
    row.get_by_role("button", name="rename").click()
    box = row.locator("input.labkit-edit")
    box.fill(name)
    box.press("Enter")
    until(lambda: lab.run(1).name == name, what="the name on disk")
    until(lambda: name in lab.status, what="the name in the status")
    until(lambda: name in row.inner_text(), what="the name in the table")
    menu = lab.page.locator(".labkit-try-run option").first
    until(lambda: name in (menu.text_content() or "").replace("\xa0", " "), what="the name in the menu of runs")
    assert not lab.is_hacked()


def test_a_clicked_run_is_shown_above_and_the_table_has_room_for_its_columns_at_1440(
    lab: LabPage, runs_folder: Path
) -> None:
    for place in range(10):
        config = RunConfig(
            encoder_rate=(2e-5, 5e-5)[place % 2], head_rate=10 ** (-3 - place / 10), epochs=1 + place % 4
        )
        write_run(runs_folder, config.replace(batch_size=8 << place % 3, seed=place), steps=12)
    write_run(runs_folder, RunConfig(corpus="msra", encoder="tiny-zh"), steps=12, dev_sha256="other")
    lab.page.set_viewport_size({"width": 1440, "height": 900})
    lab.show()
    until(lambda: len(lab.rows()) == 11, what="all rows")
    table, row = lab.page.locator(".labkit-runs"), lab.row(lab.run(3))
    assert table.evaluate("table => table.scrollWidth - table.clientWidth") == 0
    row.locator("td").last.click()
    until(lambda: "#3" in lab.status and row.get_attribute("aria-current") == "true", what="#3 is shown")
    row.locator(".labkit-name").press("ArrowUp")
    lab.page.keyboard.press("Enter")
    until(lambda: "#4" in lab.status, what="#4 by the keyboard")
    assert lab.page.locator(".labkit-runs tr.labkit-selected").count() == 0
    assert lab.page.problems == []


def test_the_settings_of_a_run_are_a_click_away_and_come_into_view(lab: LabPage, runs_folder: Path) -> None:
    config = RunConfig(epochs=7, head_rate=2e-3, corpus="wnut16")
    for _ in range(12):
        write_run(runs_folder, config, steps=2)
    lab.show()
    assert lab.notebook.ask("lab.controls.epochs.value") != 7
    row = lab.row(lab.run(12))
    row.scroll_into_view_if_needed()
    row.hover()
    row.get_by_role("button", name="use these settings").click()
    until(lambda: lab.notebook.ask("lab.controls.config().as_dict()") == config.as_dict(), what="the settings")
    until(lambda: lab.text("same") == "as in #12", what="whose they are")
    told = lab.page.locator(".labkit-first")
    seen = "shown => { const { top } = shown.getBoundingClientRect(); return top > 0 && top < innerHeight / 2; }"
    until(lambda: told.evaluate(seen), what="the settings in view")


def test_a_double_click_on_delete_only_asks(lab: LabPage, runs_folder: Path) -> None:
    for _ in range(2):
        write_run(runs_folder, steps=2)
    lab.show()
    row = lab.row(lab.run(1))
    row.hover()
    row.get_by_role("button", name="delete").dblclick()
    lab.page.wait_for_timeout(600)
    assert len(lab.store.runs()) == 2
    row.hover()
    if not row.locator(".labkit-yes").count():  # the second click fell on "no"
        row.get_by_role("button", name="delete").click()
    lab.page.wait_for_timeout(600)  # after which a click is meant
    row.locator(".labkit-yes").dblclick()
    until(lambda: lab.rows() == ["run-0002"], what="the row is gone")
    assert [run.title for run in lab.store.runs()] == ["#2"]


def test_of_many_runs_few_are_on_the_page_and_all_are_reached_by_scrolling(lab: LabPage, runs_folder: Path) -> None:
    for _ in range(200):
        write_run(runs_folder, steps=2)
    lab.show()
    until(lambda: len(lab.rows()) > 0, what="rows")
    assert len(lab.rows()) < 100
    assert lab.rows()[0] == "run-0200"
    table = lab.page.locator(".labkit-runs")
    widths = "() => [...document.querySelectorAll('.labkit-runs th')].map(cell => cell.offsetWidth)"
    before = lab.page.evaluate(widths)
    table.evaluate("table => { table.scrollTop = table.scrollHeight; }")
    until(lambda: "run-0001" in lab.rows(), what="the oldest run")
    assert "run-0200" not in lab.rows()
    assert lab.page.evaluate(widths) == before
    table.locator("tr[data-id=run-0001] .labkit-check").click()
    until(lambda: lab.notebook.ask("list(lab.runs_panel.table.selected)") == ["run-0001"], what="it is ticked")
    lab.store.rename(lab.run(3), "mine")
    until(lambda: "mine" in lab.row(lab.run(3)).inner_text(), what="a change of a row in view")
    table.locator("th[data-key=number] button").click()
    table.evaluate("table => { table.scrollTop = 0; }")
    until(lambda: lab.rows()[:2] == ["run-0001", "run-0002"], what="sorted by number")


def test_an_unknown_corpus_is_told_before_training(lab: LabPage) -> None:
    lab.show()
    lab.page.locator(".labkit-corpus select").select_option("other…")
    lab.notebook.enter("corpus", "no-such-corpus")
    problem = lab.page.locator(".labkit-plan .labkit-problem")
    problem.wait_for()
    assert "no-such-corpus" in problem.inner_text()


def test_a_run_that_fails_says_why_in_a_line_with_the_details_folded(lab: LabPage, runs_folder: Path) -> None:
    lab.show()
    bad = runs_folder.parent / "bad-tags.txt"
    bad.write_text("anna\tX-PER\n")
    lab.page.locator(".labkit-corpus select").select_option("other…")
    lab.notebook.enter("corpus", str(bad))
    until(lambda: lab.notebook.ask("lab.controls.corpus.value") == str(bad), what="the corpus taken")
    lab.train()
    lab.until_status("#1", "failed")
    problem = lab.page.locator(".labkit-failure .labkit-line-problem")
    problem.wait_for()
    assert "bad-tags.txt:1: unknown tag 'X-PER'" in problem.locator("b").inner_text()
    details = problem.locator("pre")
    assert not details.is_visible()
    problem.locator("summary").click()
    assert "Traceback" in details.inner_text()


def test_a_notebook_whose_kernel_is_gone_shows_text_and_the_newest_runs(lab: LabPage, one_run: Path) -> None:
    lab.show()
    static, broken = lab.page.locator(".labkit-static"), lab.page.get_by_text("model not found")
    until(lambda: static.count() and not static.first.is_visible(), what="nothing of it beside the live lab")
    lab.notebook.save()
    lab.notebook.restart_kernel()
    lab.notebook.reload()
    until(lambda: static.first.is_visible(), 90, "the text in the lab's place")
    assert "#1" in static.locator("table").inner_text()
    assert not any(each.is_visible() for each in broken.all())
    # JupyterLab tells the console of it some time later, not only when the next test looks there for problems.
    until(lambda: broken.count() and any("model not found" in told for told in lab.page.problems), what="its report")


def test_the_language_is_switched_with_a_click_and_a_run_that_trains_goes_on(lab: LabPage) -> None:
    lab.show(**LONG)
    lab.train()
    step = lab.until_steps(1)
    lab.until_status("#1", "training")
    try:
        lab.page.get_by_role("button", name="中文").click()
        lab.until_status("#1", "训练中")
        assert lab.page.locator(".labkit-title").all_inner_texts() == [
            "当前实验",
            "全部实验",
            "错误分析",
            "试一试",
        ]
        until(lambda: "排队训练" in lab.page.locator("button.labkit-train").inner_text(), what="the button in Chinese")
        head = lab.page.locator(".labkit-runs th[data-key=best_f1]")
        until(lambda: "最佳 F1" in head.inner_text(), what="the table in Chinese")
        first = lab.picture(LIVE).tobytes()
        until(lambda: lab.picture(LIVE).tobytes() != first, 90, "the picture goes on")
        assert lab.until_steps(1, more_than=step) > step
        lab.notebook.save()
        lab.notebook.reload()
        lab.until_status("#1", "训练中")  # its kernel lives: the page has the lab before its cell is run again
        lab.show(**LONG)
        lab.until_status("#1", "训练中")
        lab.page.get_by_role("button", name="English").click()
        lab.until_status("#1", "training")
    finally:
        lab.notebook.execute("from labkit.i18n.translation import set_language\nset_language('en')")
    assert lab.page.problems == []


def test_the_pictures_follow_the_theme_of_the_page(lab: LabPage, one_run: Path) -> None:
    def corner() -> int:
        return lab.picture(LIVE).convert("L").tobytes()[0]

    lab.show()
    until(lambda: corner() > 200, what="a light picture")
    lab.notebook.set_theme("dark")
    until(lambda: corner() < 80, what="a dark picture")
    lab.notebook.set_theme("light")
    until(lambda: corner() > 200, what="a light picture again")
