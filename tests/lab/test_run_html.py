import pytest

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, LineWriter, RunFinished
from labkit.lab import run_html
from labkit.runs.estimate import Estimate
from labkit.runs.store import Run
from tests.runs.samples import scored, write_run


def test_times_are_written_as_people_say_them():
    assert [run_html.format_rough_duration(s) for s in (0.2, 20, 180, 5400)] == ["1 s", "20 s", "3 min", "1.5 h"]


def test_a_plan_tells_steps_time_and_where_that_comes_from():
    told = run_html.render_plan(Estimate(128, 384, 62.0, "from run #7"), ["<odd>"])
    assert "<b>384 steps</b> (128 an epoch), about <b>62 s</b>, judging from run #7" in told
    assert "&lt;odd&gt;" in told


@pytest.mark.parametrize("state", ["completed", "stopped", "failed", "interrupted"])
def test_every_state_is_told_in_words_with_the_same_five_figures(runs_folder, state):
    run = Run(write_run(runs_folder, RunConfig(), state=state))
    told = run_html.render_status(run, "#1 <b>")
    assert "#1 &lt;b&gt;" in told
    assert told.count("labkit-figure-") == 5
    assert f"labkit-{state}" in told


def test_the_best_f1_tells_on_how_many_entities_it_rests_and_is_a_dash_on_none():
    told = run_html.render_status(scored(1.0, gold=1), "#1")
    assert '<b title="1 entity">1.000 (1)</b>' in told
    assert '<b title="12,345 entities">0.500 (12,345)</b>' in run_html.render_status(scored(gold=12345), "#1")
    assert "0.000" not in run_html.render_status(scored(0.0, gold=0), "#1")


def test_a_queued_run_that_is_displayed_is_starting(runs_folder):
    folder = write_run(runs_folder, RunConfig(), state="queued")
    assert "starting" in run_html.render_status(Run(folder), "#1")
    (folder / "output.log").touch()
    assert "starting" in run_html.render_status(Run(folder), "#1")


@pytest.mark.parametrize(
    ("state", "early", "kind"),
    [
        ("failed", False, "labkit-line-problem"),
        ("completed", False, "labkit-line-warning"),
        ("stopped", True, "labkit-line-note"),
    ],
)
def test_a_reason_is_shown_whether_or_not_the_run_failed(runs_folder, state, early, kind):
    folder = write_run(runs_folder, RunConfig(), state="starting")
    assert run_html.render_failure(Run(folder)) == ""
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(RunFinished(1.0, state, 9, "The dev loss ended at 7 <per> word.", "Lower the rate.", early=early))
    writer.close()
    told = run_html.render_failure(Run(folder))
    assert kind in told
    assert ('role="alert"' in told) != early
    assert ('labkit-completed" role' in run_html.render_status(Run(folder), "#1")) == (state != "failed")
    assert "The dev loss ended at 7 &lt;per&gt; word." in told
    assert "Lower the rate." in told


def test_the_audit_of_groups_and_the_notes_on_the_corpus_are_there(runs_folder):
    run = Run(write_run(runs_folder, RunConfig()))
    told = run_html.render_details(run)
    for group in run.groups:
        assert f"<td>{group.name}</td>" in told
        assert f"<td>{group.parameters:,} in " in told
    for note in run.corpus.notes:
        assert run_html.html.escape(note) in told
    unfolded = told[: told.index("<details>")]
    assert f"{run.corpus.train_sentences:,} training, {run.corpus.dev_sentences:,} dev" in unfolded


def test_what_a_run_trains_on_has_its_place_before_it_is_known(runs_folder):
    folder = write_run(runs_folder, RunConfig(), state="starting")
    assert run_html.render_details(None) == ""
    begun = run_html.render_details(Run(folder))
    assert "<details>" in begun
    assert "known as soon as its corpus is read" in begun
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(RunFinished(0.2, "failed", 0, "there is no such file"))
    writer.close()
    assert "it ended before its corpus was read" in run_html.render_details(Run(folder))


def test_entities_are_marked_in_place_and_all_text_is_escaped():
    text = "<i>Obama</i> in Paris\nagain"
    found = [{"type": "per<", "start": 3, "end": 8}, {"type": "loc", "start": 16, "end": 21}]
    told = run_html.render_entities(text, found, {"loc": "#123456"})
    assert "&lt;i&gt;<mark" in told
    assert ">Obama<small>per&lt;</small></mark>&lt;/i&gt; in <mark" in told
    assert "--entity:#123456" in told
    assert "%" not in told
    assert told.endswith("\nagain</div>")


def test_an_entity_says_how_sure_it_is_in_percent_and_in_words():
    found = [{"type": 'a"<', "start": 0, "end": 5, "confidence": 0.834}, {"type": "loc", "start": 9, "end": 14}]
    told = run_html.render_entities("Obama in Paris", found, {})
    assert "<small>a&quot;&lt; <i>83 %</i></small>" in told
    assert 'title="a&quot;&lt;: tagged with a probability of 83 %"' in told
    assert "Paris<small>loc</small>" in told  # where nothing is known of it, nothing is said


@pytest.mark.parametrize(
    ("share", "told"), [(0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.996, ">99 %"), (1, "100 %")]
)
def test_only_certainty_is_a_hundred_percent(share, told):
    assert run_html.format_confidence(share) == told


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("completed", ["the head has moved 130 % of its own size", "had made 90 % of its way at step"]),
        ("running", ["the head has moved", "known when the run has ended"]),
        ("starting", ["known after the first steps", "known when the run has ended"]),
        ("failed", ["the head has moved"]),
    ],
)
def test_how_far_weights_have_moved_is_two_lines_in_every_state(runs_folder, state, told):
    found = run_html.render_sync(Run(write_run(runs_folder, RunConfig(), state=state)))
    assert found.count("<div>") == 2
    assert all(text in found for text in told)
    assert run_html.render_sync(None) == ""
    assert "was not measured" in run_html.render_sync(scored_and_ended())


def scored_and_ended():
    run = scored()
    run.add(RunFinished(1.0, "completed", 10))
    return run
