import gc
import io
import shutil
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image

from labkit.config import RunConfig
from labkit.events import StopRequested, open_control_log
from labkit.i18n import translation
from labkit.jobs import launch
from labkit.lab import delete_button, plan_panel, refresher, run_plots, runs_panel, tuning_lab
from labkit.lab.tuning_lab import TuningLab
from labkit.plots.renderer import Picture
from labkit.runs.run import Run
from tests.runs.samples import write_run
from tests.waiting import until

LONG = {"epochs": 50, "batch_size": 1}  # 2,000 steps: on its way until it is stopped


@pytest.fixture(scope="module", autouse=True)
def server():
    yield
    launch.shutdown_server()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    """What a lab shows a second later for a user's sake, it shows at once."""
    for name, seconds in (("FASTEST_S", 0.05), ("SLOWEST_S", 0.2), ("IDLE_S", 0.1)):
        monkeypatch.setattr(refresher, name, seconds)
    monkeypatch.setattr(runs_panel, "TABLE_INTERVAL_S", 0.1)


@pytest.fixture
def config(tiny_encoder, tiny_corpus):
    return RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=2, lstm_size=16, keep="best")


@pytest.fixture
def lab(config, runs_folder):
    lab = TuningLab(config=config)
    yield lab
    launch.cancel_queued(runs_folder)
    lab.stop()
    for run in lab.store.runs():
        run.wait(60)
    lab.close()


@pytest.fixture
def still(config, runs_folder):
    """A lab in which nothing trains."""
    lab = TuningLab(config=config)
    yield lab
    lab.close()


@pytest.fixture
def asked(monkeypatch, runs_folder):
    """Settings of the runs that were asked for, none of which trains: it has ended at once."""
    found = []

    def submit(config, _runs):
        found.append(config)
        return Run(write_run(runs_folder, config, steps=2))

    monkeypatch.setattr(launch, "submit", submit)
    return found


def test_importing_the_lab_starts_nothing_and_making_one_starts_the_warm_server(config, runs_folder, monkeypatch):
    program = "import threading, labkit.lab.tuning_lab\nassert threading.active_count() == 1, threading.enumerate()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    started = []
    monkeypatch.setattr(launch, "start_server", lambda: started.append("server"))
    TuningLab(config=config).close()
    assert started == ["server"]


def test_train_shows_a_live_run_that_ends_and_can_be_tried(lab):
    assert "No run yet" in lab.texts()["status"]
    before = lab.picture_widget.value
    lab.train_button.click()
    run = until(lambda: lab.store.runs() and lab.store.runs()[0])
    run.wait(60)
    until(lambda: "completed" in lab.texts()["status"])
    assert lab.picture_widget.value != before
    assert lab.runs_panel.table.selected == ["run-0001"]
    until(lambda: "encoder –" not in lab.texts()["time"])
    assert run.time_breakdown is not None
    assert lab.texts()["operators"] == ""  # nobody asked for a profile
    until(lambda: lab.try_it.run_menu.value == "run-0001")
    lab.try_it.text.value = "anna went home"
    lab.try_it.tag_text()
    assert "found by #1" in lab.texts()["try_it"]


def test_where_the_time_goes_has_its_place_before_anything_runs_and_compared_runs_have_a_bar_each(lab, runs_folder):
    assert "known as soon as a run trains" in lab.texts()["time"]
    assert "encoder –" in lab.texts()["time"]
    for _ in range(2):
        write_run(runs_folder)
    lab.compare([1, 2])
    until(lambda: lab.texts()["comparison"])
    assert lab.runs_panel.times.value.count("labkit-time-bar") == 2
    lab.runs_panel.select([])
    until(lambda: lab.texts()["comparison"] == "")


def test_start_takes_the_settings_of_the_controls(lab):
    lab.controls.head_rate.value = 3e-3
    lab.controls.epochs.value = 1
    run = lab.start()
    assert (run.config.head_rate, run.config.epochs) == (3e-3, 1)
    assert run.wait(60).state == "completed"


def test_settings_that_are_sure_to_fail_are_told_and_leave_no_run(lab, config, runs_folder):
    with pytest.raises(ValueError, match="unknown corpus 'nowhere': not a file"):
        lab.start(config.replace(corpus="nowhere"))
    lab.controls.load(config.replace(decoder="softmax", crf_rate=1e-2))
    lab.train_button.click()
    until(lambda: "there is no CRF for a CRF rate of 0.01" in lab.texts()["problem"])
    assert not runs_folder.exists()


def test_a_second_train_waits_in_a_queue_that_is_shown_and_can_be_emptied(lab, config):
    first = lab.start(config.replace(**LONG))
    lab.start(), lab.start()
    until(lambda: "2 waiting" in lab.texts()["queue"])
    until(lambda: lab.train_button.description == "Queue this run")
    lab.empty_button.click()
    until(lambda: len(lab.store.runs()) == 1)
    until(lambda: lab.texts()["queue"] == "")
    lab.stop()
    assert first.wait(60).state == "stopped"


def test_failed_runs_are_deleted_together_by_a_second_press_that_is_no_double_click(lab, runs_folder, monkeypatch):
    button = lab.runs_panel.delete_failed_button
    until(lambda: button.layout.display == "none")
    for state in ("failed", "completed", "failed", "stopped"):
        write_run(runs_folder, steps=20, state=state)
    until(lambda: button.description == "Delete failed runs (2)" and button.layout.display is None)
    button.click(), button.click()
    assert len(lab.store.runs()) == 4
    assert button.description == "Delete 2 for good? Press again"
    monkeypatch.setattr(delete_button, "CONFIRM_AFTER_S", 0.0)
    button.click()
    assert [run.state for run in lab.store.runs()] == ["completed", "stopped"]
    until(lambda: button.layout.display == "none")
    lab.runs_panel.select(lab.store.runs())
    until(lambda: lab.runs_panel.delete_ticked_button.description == "Delete ticked runs (2)")
    for _ in range(2):
        lab.runs_panel.delete_ticked_button.click()
    assert lab.store.runs() == []


def test_what_was_asked_of_other_runs_is_asked_again(lab, runs_folder, monkeypatch):
    monkeypatch.setattr(delete_button, "CONFIRM_AFTER_S", 0.0)
    write_run(runs_folder, steps=20, state="failed")
    until(lambda: "(1)" in lab.runs_panel.delete_failed_button.description)
    lab.runs_panel.delete_failed_button.click()
    write_run(runs_folder, steps=20, state="failed")
    until(lambda: lab.runs_panel.delete_failed_button.description == "Delete failed runs (2)")
    assert len(lab.store.runs()) == 2


def test_a_queue_that_cannot_go_on_is_told(lab, runs_folder, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied", ".lock")

    monkeypatch.setattr(launch, "start_next", refused)
    folder = write_run(runs_folder, state="queued")
    until(lambda: "Permission denied" in lab.texts()["problem"])
    shutil.rmtree(folder)


def act(lab, kind, id):
    """A press of a button in the table, as the page sends it."""
    lab.runs_panel.table._handle_custom_msg({"kind": kind, "id": id}, [])


def refresher_threads():
    return [thread for thread in threading.enumerate() if thread.name == "labkit-refresher"]


def ticked(lab):
    """Numbers of the runs that are ticked."""
    return [int(id.removeprefix("run-")) for id in lab.runs_panel.table.selected]


def test_each_new_run_is_put_beside_the_last_ones_but_not_beside_all_that_ever_were(still, asked):
    for _ in range(6):
        still.start()
    assert ticked(still) == [3, 4, 5, 6]
    still.store.delete(still.store.get(4), confirm=True)
    until(lambda: ticked(still) == [3, 5, 6])
    still.start()
    still.start()
    assert ticked(still) == [5, 6, 7, 8]


def test_runs_that_a_user_ticked_stay_ticked_whatever_is_trained(still, asked, runs_folder):
    for _ in range(6):
        write_run(runs_folder, steps=2)
    until(lambda: len(still.runs_panel.table.rows) == 6)
    still.runs_panel.table.selected = [f"run-000{number}" for number in (2, 1, 3, 4, 5, 6)]
    still.start()
    assert ticked(still) == [2, 1, 3, 4, 5, 6, 7]
    still.start()
    assert ticked(still) == [2, 1, 3, 4, 5, 6, 8]
    still.runs_panel.table.selected = ["run-0008", "run-0001"]
    for _ in range(4):
        still.start()
    assert ticked(still) == [8, 1, 11, 12]


def test_a_double_click_on_train_is_one_run(still, asked):
    clicks = [threading.Thread(target=still.train_button.click) for _ in range(4)]  # on the threads of subshells
    for click in clicks:
        click.start()
    until(lambda: asked and not still.train_button.disabled)
    still.train_button.click()  # after the first was answered, and before a hand could mean it
    until(lambda: not still.train_button.disabled)
    assert len(asked) == 1
    still.controls.epochs.value = 5
    still.train_button.click()
    until(lambda: len(asked) == 2)
    assert asked[1].epochs == 5


def test_train_pressed_later_with_the_same_settings_is_another_run(still, asked, monkeypatch):
    monkeypatch.setattr(tuning_lab, "DOUBLE_CLICK_S", 0.0)
    for count in (1, 2):
        still.train_button.click()
        until(lambda count=count: len(asked) == count and not still.train_button.disabled)


def test_stop_names_and_ends_the_run_that_is_shown_and_a_double_click_not_the_next_one(still, runs_folder, monkeypatch):
    def told(number):
        return [type(line) for line in open_control_log(runs_folder / f"run-000{number}").read()]

    monkeypatch.setattr(tuning_lab, "DOUBLE_CLICK_S", 60.0)  # also on a slow machine
    assert still.stop_button.description == "Stop"
    write_run(runs_folder, state="running")
    until(lambda: still.stop_button.description == "Stop #1")
    write_run(runs_folder, state="running")  # as from a terminal
    until(lambda: len(still.runs_panel.table.rows) == 2)
    assert "#1" in still.texts()["status"]
    act(still, "show", "run-0002")
    until(lambda: still.stop_button.description == "Stop #2")
    act(still, "show", "run-0001")
    until(lambda: still.stop_button.description == "Stop #1")
    still.stop_button.click()
    shutil.rmtree(runs_folder / "run-0001")
    until(lambda: still.stop_button.description == "Stop #2")
    still.stop_button.click()
    assert told(2) == []
    monkeypatch.setattr(tuning_lab, "DOUBLE_CLICK_S", 0.0)
    still.stop_button.click()
    assert told(2) == [StopRequested]
    write_run(runs_folder, state="running", number=3)
    still.stop()
    assert (told(2), told(3)) == ([StopRequested] * 2, [StopRequested])


def test_a_click_shows_a_run_and_a_button_goes_back_to_the_one_that_trains(still, runs_folder):
    write_run(runs_folder, steps=20)
    write_run(runs_folder, state="running")
    until(lambda: still.runs_panel.table.shown == "run-0002")
    assert still.live_button.layout.display == "none"
    before = until(lambda: still.picture_widget.value)
    act(still, "show", "run-0001")
    until(lambda: still.runs_panel.table.shown == "run-0001" and "#1" in still.texts()["details"])
    until(lambda: still.picture_widget.value != before)
    assert still.runs_panel.table.selected == []
    assert (still.live_button.layout.display, still.live_button.description) == (None, "Show #2, which trains")
    still.live_button.click()
    until(lambda: still.runs_panel.table.shown == "run-0002" and still.live_button.layout.display == "none")


def test_the_best_run_stays_beside_the_newest_and_a_line_says_what_is_ticked(still, runs_folder, monkeypatch):
    rates = iter((5e-3, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4))  # 5e-3 is the best of the made-up runs
    monkeypatch.setattr(launch, "submit", lambda *_: Run(write_run(runs_folder, RunConfig(head_rate=next(rates)), 60)))
    for _ in range(6):
        still.start()
    assert ticked(still) == [1, 4, 5, 6]
    until(lambda: "the best one are ticked" in still.runs_panel.hint.value)
    still.runs_panel.table.selected = ["run-0002"]
    until(lambda: "are ticked" not in still.runs_panel.hint.value)


def test_columns_that_are_seldom_needed_are_a_switch_away_and_stay_switched(still, config, runs_folder):
    write_run(runs_folder, steps=6)
    keys = lambda lab: {column["key"] for column in lab.runs_panel.table.columns}  # noqa: E731
    until(lambda: keys(still))
    assert not keys(still) & {"created", "tokens_per_s", "illegal", "entities"}
    still.runs_panel.more_button.value = True
    assert keys(still) >= {"created", "tokens_per_s", "illegal", "entities"}
    again = TuningLab(config=config)
    assert again.runs_panel.more_button.value
    assert "created" in keys(again)
    again.close()


def test_order_axis_layout_and_ticks_outlive_the_kernel(still, asked, config, runs_folder):
    for epochs in (1, 2, 3):
        write_run(runs_folder, RunConfig(epochs=epochs), steps=6)
    until(lambda: len(still.runs_panel.table.rows) == 3)
    still.runs_panel.table.selected = ["run-0003", "run-0001"]
    still.runs_panel.table.sort = {"key": "epochs", "ascending": False}
    still.runs_panel.axis_menu.value, still.runs_panel.layout_buttons.value = "seconds", "overlaid"
    still.start()
    still.close()
    again = TuningLab(config=config)  # as in a new kernel: nothing but the folder tells
    try:
        assert ticked(again) == [3, 1, 4]
        assert again.runs_panel.table.sort == {"key": "epochs", "ascending": False}
        assert (again.runs_panel.axis_menu.value, again.runs_panel.layout_buttons.value) == ("seconds", "overlaid")
        again.runs_panel.table.sort = {"key": "gone", "ascending": True}  # as the settings no longer differ
        once_more = TuningLab(config=config)  # the cell is run again
        assert once_more.runs_panel.table.sort == {"key": "gone", "ascending": True}
        for _ in range(3):
            once_more.start()
        assert ticked(once_more) == [3, 1, 6, 7]
        once_more.close()
    finally:
        again.close()


def test_runs_of_other_steps_an_epoch_lie_along_epochs_until_somebody_chooses(still, runs_folder):
    for size in (8, 64, 8):
        write_run(runs_folder, RunConfig(batch_size=size, epochs=2), steps=1600 // size)

    def axis(*numbers):
        still.runs_panel.make_figure(still.store.get_all(numbers))
        return still.runs_panel.axis_menu.value

    assert [axis(1, 2), axis(1, 3)] == ["epoch", "step"]
    still.compare([1, 3], x="step")
    assert axis(1, 2) == "step"
    still.runs_panel.retranslate()
    still.runs_panel.axis_menu.value = "tokens"
    assert axis(1, 2) == "tokens"


def test_a_folder_that_cannot_be_written_to_keeps_choices_as_long_as_the_kernel(
    still, config, runs_folder, monkeypatch
):
    write_run(runs_folder, steps=6)
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no")))
    still.runs_panel.table.sort = {"key": "best_f1", "ascending": True}
    again = TuningLab(config=config)
    assert again.runs_panel.table.sort == {"key": "best_f1", "ascending": True}
    again.close()


def test_stop_ends_the_live_run_and_only_a_live_run_can_be_stopped(lab, config):
    assert lab.stop_button.disabled
    run = lab.start(config.replace(**LONG))
    until(lambda: not lab.stop_button.disabled)
    until(lambda: run.refresh() is not None and len(run.steps) > 2)
    lab.stop_button.click()
    assert run.wait(60).state == "stopped"
    until(lambda: lab.stop_button.disabled)


def test_before_training_steps_time_and_warnings_are_told(lab, config):
    until(lambda: "6 steps (3 an epoch)" in lab.texts()["plan"])
    assert "time unknown: no run with this encoder" in lab.texts()["plan"]
    lab.start().wait(60)
    until(lambda: "judging from run #1" in lab.texts()["plan"])
    lab.controls.epochs.value = 8
    lab.controls.batch_size.value = 64
    lab.controls.head_rate.value = 1e-6
    until(lambda: "2 to 4 are usual" in lab.texts()["plan"])
    assert "larger than the training part (40 sentences)" in lab.texts()["plan"]
    assert "head's rate is below the encoder's" in lab.texts()["plan"]


def test_a_corpus_that_cannot_be_read_is_told_before_training(lab, tmp_path):
    bad = tmp_path / "<b>bad"
    bad.write_text("one O\ntwo\n")
    lab.controls.corpus.value = str(bad)
    until(lambda: f"{bad}:2: expected" in lab.texts()["plan"])  # with the tag of its name, which is text


def test_what_was_mended_in_a_corpus_is_told_before_training(still, tmp_path):
    corpus = tmp_path / "mine.txt"
    corpus.write_text("one O\ntwo I-X\n\none B-X\n\n" * 40)
    still.controls.repair_tags.value = True
    still.controls.corpus.value = str(corpus)
    until(lambda: "40 illegal tag sequences mended" in still.texts()["notes"])


def test_a_corpus_that_was_mended_is_read_again_by_itself(lab, tmp_path):
    corpus = tmp_path / "mine.txt"
    corpus.write_text("one O\ntwo\n")
    lab.controls.corpus.value = str(corpus)
    until(lambda: "mine.txt:2: expected" in lab.texts()["plan"])
    corpus.write_text("one O\ntwo B-X\n\n" * 40)
    until(lambda: "steps (" in lab.texts()["plan"])


def test_a_failed_run_shows_one_line_with_its_details_folded(lab, config, tmp_path):
    (tmp_path / "bad-tags.txt").write_text("anna\tX-PER\n")
    run = lab.start(config.replace(corpus=str(tmp_path / "bad-tags.txt")))
    assert run.wait(60).state == "failed"
    until(lambda: "bad-tags.txt" in lab.texts()["failure"])
    assert "Details" in lab.texts()["failure"]


def test_compare_ticks_the_runs_and_returns_their_picture(lab, runs_folder):
    for seed in range(3):
        write_run(runs_folder, RunConfig(seed=seed))
    picture = lab.compare([1, 3], x="epoch", layout="overlaid")
    assert lab.runs_panel.table.selected == ["run-0001", "run-0003"]
    assert picture._repr_png_().startswith(b"\x89PNG")
    until(lambda: lab.runs_panel.picture.value)
    assert lab.runs_panel.picture.layout.display is None


def test_the_table_is_there_at_once_and_pictures_follow_without_moving_anything(config, runs_folder, monkeypatch):
    """matplotlib takes longer to import than a thousand runs to list."""
    monkeypatch.setattr(run_plots.RunPlots, "draw", lambda *_: None)
    write_run(runs_folder, steps=40)
    lab = TuningLab(config=config)
    try:
        assert [row["id"] for row in lab.runs_panel.table.rows] == ["run-0001"]
        assert lab.picture_widget.value == b""
        monkeypatch.undo()
        until(lambda: lab.picture_widget.value != b"")
    finally:
        lab.close()


def test_a_lab_comes_up_with_few_widgets(config, monkeypatch):
    """Each takes a page some milliseconds, and with every setting of Advanced they were 630."""
    opened, original = [], ipywidgets.Widget.open
    monkeypatch.setattr(ipywidgets.Widget, "open", lambda self: opened.append(self) or original(self))
    lab = TuningLab(config=config)
    try:
        assert 100 < len(opened) < 320
    finally:
        lab.close()


def test_the_time_is_judged_again_only_for_other_settings_or_runs(lab, config, runs_folder, monkeypatch):
    judged = []
    original = plan_panel.estimate
    monkeypatch.setattr(plan_panel, "estimate", lambda *args: judged.append(args) or original(*args))
    for _ in range(3):
        lab._refresh()
    before = len(judged)
    assert before <= 1
    lab.controls.epochs.value = config.epochs + 1
    lab._refresh()
    assert len(judged) == before + 1
    write_run(runs_folder, steps=40)
    lab._refresh()
    lab._refresh()
    assert len(judged) == before + 2


def test_a_new_lab_for_the_same_folder_takes_over_from_the_one_before(lab, config):
    run = lab.start(config.replace(**LONG))
    again = TuningLab(config=config)
    try:
        assert len(refresher_threads()) == 1
        until(lambda: "training" in again.texts()["status"])
        again.stop()
        assert run.wait(60).state == "stopped"
    finally:
        again.close()


def test_a_lab_shown_again_keeps_settings_and_ticks(lab, runs_folder):
    for epochs in (2, 3, 4):
        write_run(runs_folder, RunConfig(epochs=epochs))
    lab.compare([1, 3], x="tokens", layout="overlaid")
    lab.controls.train_limit.value = 777
    again = TuningLab()
    try:
        assert again.controls.config() == lab.controls.config()
        assert again.controls.config().train_limit == 777
        assert again.runs_panel.table.selected == ["run-0001", "run-0003"]
        assert (again.runs_panel.axis_menu.value, again.runs_panel.layout_buttons.value) == ("tokens", "overlaid")
        given = TuningLab(config=RunConfig(epochs=9))
        assert given.controls.config() == RunConfig(epochs=9)
        given.close()
    finally:
        again.close()


def test_a_run_started_elsewhere_shows_by_itself(lab, config, runs_folder):
    launch.submit(config, runs_folder)
    until(lambda: "#1" in lab.texts()["status"])
    lab.store.get(1).wait(60)


@pytest.fixture
def english_again(monkeypatch):
    monkeypatch.setattr(translation, "_language", None)


def test_the_switch_says_everything_anew_and_loses_nothing_while_a_run_goes_on(lab, config, runs_folder, english_again):
    write_run(runs_folder, RunConfig(epochs=2))
    until(lambda: lab.runs_panel.table.rows)
    run = lab.start(config.replace(**LONG))
    lab.runs_panel.axis_menu.value, lab.runs_panel.layout_buttons.value = "seconds", "overlaid"
    lab.runs_panel.select(lab.store.runs())
    until(lambda: run.refresh() is not None and len(run.steps) > 2 and lab.runs_panel.times.value)
    settings, run_plots = lab.controls.config(), (lab.picture_widget.value, lab.runs_panel.picture.value)
    lab.language_switch.value = "zh"
    until(lambda: lab.train_button.description == "排队训练")
    until(lambda: lab.picture_widget.value != run_plots[0] and lab.runs_panel.picture.value != run_plots[1])
    until(lambda: "训练中" in lab.texts()["status"])  # between two evaluations
    assert "时间花在哪里" in lab.texts()["comparison"]
    assert lab.stop_button.description == "停止 #2"
    assert "最佳 F1" in [column["label"] for column in lab.runs_panel.table.columns]
    assert lab.controls.config() == settings
    assert (lab.runs_panel.axis_menu.value, lab.runs_panel.layout_buttons.value) == ("seconds", "overlaid")
    assert lab.runs_panel.table.selected == ["run-0001", "run-0002"]
    assert run.refresh() is not None
    assert run.is_live
    lab.language_switch.value = "en"
    until(lambda: lab.train_button.description == "Queue this run")


def test_why_a_run_could_not_start_is_told_anew_in_another_language(lab, config, english_again):
    lab.controls.load(config.replace(decoder="softmax", crf_rate=1e-2))
    lab.train_button.click()
    until(lambda: "there is no CRF" in lab.texts()["problem"])
    lab.language_switch.value = "zh"
    until(lambda: "但结构里没有 CRF" in lab.texts()["problem"])


def test_a_lab_opened_in_chinese_is_chinese_and_so_is_every_other_one(lab, config, tmp_path, english_again):
    other = TuningLab(runs=tmp_path / "other", config=config, language="zh")
    try:
        assert other.language_switch.value == "zh"
        assert other.train_button.description == "训练"
        assert "还没有实验" in other.texts()["status"]
        until(lambda: lab.train_button.description == "训练")
        until(lambda: lab.language_switch.value == "zh")
    finally:
        other.close()


def test_a_chinese_name_without_a_font_for_it_gets_a_hint(lab, runs_folder, monkeypatch):
    monkeypatch.setattr("labkit.plots.fonts.has_chinese", lambda: False)
    write_run(runs_folder, RunConfig())
    until(lambda: lab.runs_panel.table.rows)
    assert lab.texts()["font_hint"] == ""
    lab.store.rename(lab.store.runs()[0], "我的实验")
    until(lambda: "fonts-noto-cjk" in lab.texts()["font_hint"])


def test_names_and_notes_of_users_are_escaped(lab, runs_folder):
    write_run(runs_folder, RunConfig())
    run = lab.store.runs()[0]
    lab.store.rename(run, "<script>alert(1)</script>")
    until(lambda: "<script>alert(1)</script>" in lab.texts()["status"])  # as text: of a tag, nothing would be left


def test_deleting_in_the_table_removes_the_run_and_a_live_one_is_refused_in_words(lab, config, runs_folder):
    write_run(runs_folder, RunConfig())
    until(lambda: lab.runs_panel.table.rows)
    run = lab.start(config.replace(**LONG))
    until(lambda: run.refresh() or run.is_live)
    act(lab, "delete", run.folder.name)
    assert "stop it before deleting it" in lab.texts()["problem"]
    act(lab, "delete", "run-0001")
    assert lab.texts()["problem"] == ""
    until(lambda: [row["id"] for row in lab.runs_panel.table.rows] == [run.folder.name])


def test_settings_of_a_run_are_taken_over_from_the_table_and_whose_they_are_is_told(lab, config, runs_folder):
    asked = config.replace(epochs=7, head_rate=2e-3, encoder_rate=4e-5, seed=5, legal_only=True)
    write_run(runs_folder, asked)
    lab.store.rename(lab.store.runs()[0], "<b>mine</b>")
    until(lambda: lab.runs_panel.table.rows)
    assert lab.texts()["same_settings"] == ""
    act(lab, "use", "run-0001")
    assert lab.controls.config() == asked
    until(lambda: "as in #1 <b>mine</b>" in lab.texts()["same_settings"])
    lab.controls.seed.value = 6
    until(lambda: lab.texts()["same_settings"] == "")
    assert lab.texts()["problem"] == ""


def test_settings_that_cannot_be_read_are_not_taken_over(lab, config, runs_folder):
    (write_run(runs_folder, config.replace(epochs=7)) / "config.json").write_text("{")
    until(lambda: lab.runs_panel.table.rows)
    act(lab, "use", "run-0001")
    assert "the settings of #1 cannot be read" in lab.texts()["problem"]
    assert lab.controls.config() == config


def test_a_notebook_gets_the_widgets_and_a_text_to_stand_for_them_later(lab, runs_folder, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.core.display_functions.display", lambda data, **how: shown.append((data, how)))
    monkeypatch.setattr(tuning_lab, "display", lambda data, **how: shown.append((data, how)))
    lab._ipython_display_()
    (widgets, _), (text, first) = shown
    assert list(widgets) == ["application/vnd.jupyter.widget-view+json"]
    assert "Run this cell to see it" in text["text/plain"]
    write_run(runs_folder, steps=40)
    until(lambda: len(shown) == 3)
    later, how = shown[2]
    assert "<td>completed 已完成</td>" in later["text/html"]
    assert how["display_id"] == first["display_id"]
    assert how["update"]


def test_pictures_are_drawn_for_the_width_that_the_page_has_and_say_their_numbers(lab, runs_folder):
    def size():
        return Image.open(io.BytesIO(lab.picture_widget.value)).size

    assert lab.picture_widget.hint == "Press Train: the curves appear here."
    write_run(runs_folder, steps=40)
    until(lambda: lab.picture_widget.value and size() == (1200, 965))
    assert "#1 · wnut16: step 40, loss per word" in lab.picture_widget.alt
    assert "head rate 1e-2" in lab.picture_widget.alt
    lab.picture_widget.width, lab.picture_widget.pixel_ratio = 500, 1.0
    until(lambda: size() == (500, 1006))


def test_the_theme_of_the_page_is_that_of_the_pictures(lab, runs_folder):
    write_run(runs_folder, steps=40)
    light = until(lambda: lab.picture_widget.value)
    lab.runs_panel.table.theme = "dark"
    until(lambda: lab.picture_widget.value != light)


def test_closing_ends_the_thread_and_leaves_runs_alone(lab, config):
    run = lab.start(config)
    lab.close()
    assert refresher_threads() == []
    assert run.wait(60).state == "completed"


def test_a_lab_that_is_closed_or_whose_cell_is_run_again_is_freed(config, runs_folder):
    def parts(lab):
        until(lambda: lab.picture_widget.value != b"")
        lab.controls.advanced_button.value = True  # with all its widgets
        kept = (lab, lab.controls, lab.runs_panel, lab.runs_panel.table, lab.error_browser, lab.try_it, lab.view)
        return [weakref.ref(part) for part in kept]

    write_run(runs_folder, steps=6)
    open_before = len(_instances)
    lab = TuningLab(config=config)
    replaced = parts(lab)
    lab = TuningLab(config=config)
    closed = parts(lab)
    lab.close()
    del lab
    gc.collect()
    assert [part() for part in replaced + closed if part() is not None] == []
    assert len(_instances) == open_before


def test_a_closed_lab_that_a_notebook_still_holds_has_let_its_figures_go(config, runs_folder):
    def figures():
        gc.collect()
        return sum(type(each) is Picture for each in gc.get_objects())

    for _ in range(2):
        write_run(runs_folder, steps=6)
    before = figures()
    lab = TuningLab(config=config)
    lab.runs_panel.select(lab.store.runs())
    until(lambda: lab.runs_panel.picture.value and lab.picture_widget.value != b"")
    assert figures() > before
    lab.close()
    assert figures() == before


def test_what_the_crf_has_learnt_is_shown_as_soon_as_a_run_was_evaluated(lab):
    assert lab.transitions_widget.hint == "What the CRF learns appears here."
    run = lab.start()
    run.wait(60)
    until(lambda: "BIO" in lab.transitions_widget.alt)
    assert lab.transitions_widget.value
    assert run.transitions is not None
    until(lambda: lab.runs_panel.table.rows and lab.runs_panel.table.rows[0]["state"] == "completed")
    latest = run.evaluations[-1]
    assert lab.runs_panel.table.rows[0]["illegal"] == (latest.illegal if latest.predicted else None)
