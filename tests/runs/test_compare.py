import math
import socket

import pytest

from labkit.config import RunConfig
from labkit.events import CorpusRead, Evaluated, OperatorsProfiled, RunFinished, RunStarted, TrainingPlanned
from labkit.formatting import format_duration
from labkit.runs.compare import (
    build_comparison_table,
    default_axis,
    differences_table,
    estimate,
    find_differences,
    rank,
    to_markdown,
)
from labkit.runs.estimate import TYPICAL_TOKENS_PER_SENTENCE
from labkit.runs.run import Run
from tests.runs.samples import events, scored, write_run

CONFIG = RunConfig(head_rate=5e-3)  # the best rate of the made-up runs


def _runs(folder, *configs, **how):
    return [Run(write_run(folder, config, **how)) for config in configs]


def test_differences_are_the_fields_that_differ_as_declared(runs_folder):
    runs = _runs(runs_folder, CONFIG.replace(seed=1, head_rate=1e-3), CONFIG.replace(batch_size=8))
    assert list(find_differences(runs).items()) == [
        ("batch_size", [16, 8]),
        ("head_rate", [1e-3, 5e-3]),
        ("seed", [1, 0]),
    ]


def test_equal_runs_and_one_run_do_not_differ(runs_folder):
    runs = _runs(runs_folder, CONFIG, CONFIG)
    assert find_differences(runs) == {}
    assert find_differences(runs[:1]) == {}
    assert find_differences([]) == {}


def test_an_unreadable_run_makes_no_difference_but_keeps_its_place(runs_folder):
    runs = _runs(runs_folder, CONFIG, CONFIG, CONFIG.replace(seed=3))
    (runs[1].folder / "config.json").write_text("{")
    runs[1] = Run(runs[1].folder)
    assert find_differences(runs[:2]) == {}
    assert find_differences(runs) == {"seed": [0, None, 3]}


def test_being_profiled_is_no_difference(runs_folder):
    runs = _runs(runs_folder, CONFIG, CONFIG.replace(profile=True))
    assert find_differences(runs) == {}


def test_rank_puts_the_best_f1_first_and_runs_without_a_score_last():
    runs = [Run(config=CONFIG), scored(0.5, 0.9), scored(0.7, None), scored(0.7, 0.3), scored(0.7, 0.2)]
    assert rank(runs) == [runs[4], runs[3], runs[2], runs[1], runs[0]]


def test_the_table_holds_what_differs_and_marks_the_best(runs_folder):
    runs = _runs(runs_folder, CONFIG.replace(head_rate=1e-1), CONFIG)
    runs += _runs(runs_folder, CONFIG, state="queued")
    made = build_comparison_table(runs)
    keys = [column.key for column in made.fields]
    assert keys[:5] == ["number", "name", "head_rate", "best_f1", "state"]
    assert keys[5:] == ["dev_loss", "seconds", "best_epoch", "entities", "illegal", "tokens_per_s", "created"]
    assert [column.key for column in made.fields if column.extra] == keys[7:]
    assert made.best == [[], ["best_f1"], []]
    row = dict(zip(keys, made.rows[1], strict=True))
    assert row["number"] == 2
    assert row["name"] == "head 5e-3"
    assert row["head_rate"] == 5e-3
    assert row["best_f1"] == runs[1].best.f1
    assert row["dev_loss"] == runs[1].best.loss
    assert row["seconds"] == runs[1].finished.seconds
    assert row["tokens_per_s"] == pytest.approx(CONFIG.batch_size * 20 / 0.05)
    assert row["state"] == "completed"
    queued = dict(zip(keys, made.rows[2], strict=True))
    assert queued["best_f1"] is queued["dev_loss"] is queued["seconds"] is queued["tokens_per_s"] is None
    assert all(isinstance(value, str | int | float | None) for row in made.rows for value in row)


def test_the_only_score_is_not_the_best(runs_folder):
    assert build_comparison_table(_runs(runs_folder, CONFIG)).best == [[]]


def column(made, key):
    place = [field.key for field in made.fields].index(key)
    return [row[place] for row in made.rows]


def test_runs_on_other_dev_sentences_are_told_apart_and_ranked_and_starred_apart():
    high, low = scored(0.9, dev_sha256="a"), scored(0.6, dev_sha256="a")
    toy = [scored(1.0, dev_sha256="b", dev_sentences=4, gold=1) for _ in range(2)]
    edited = scored(0.95, dev_sha256="c")
    waiting = Run(config=CONFIG)
    runs = [low, toy[0], edited, high, waiting, toy[1]]
    for age, run in enumerate(runs):
        run.created = float(age)
    made = build_comparison_table(runs)
    assert column(made, "dev_split") == ["mine · 120", "mine · 4", "mine · 120 (2)", "mine · 120", None, "mine · 4"]
    assert [row == ["best_f1"] for row in made.best] == [False, True, False, True, False, True]
    assert column(made, "entities") == [180, 1, 180, 180, None, 1]
    assert rank(runs) == [toy[0], toy[1], high, low, edited, waiting]
    assert rank([low, edited, high]) == [high, low, edited]


def test_runs_that_differ_in_training_sentences_alone_are_compared():
    runs = [scored(f1, sha256=sha256, dev_sha256="a") for f1, sha256 in ((0.5, "one"), (0.6, "two"))]
    made = build_comparison_table(runs)
    assert "dev_split" not in {field.key for field in made.fields}
    assert made.best == [[], ["best_f1"]]


def test_a_split_is_told_of_runs_with_a_score_only():
    failed = Run(config=CONFIG)
    failed.add(CorpusRead(0.1, "other", "beef", 10, 20, 0, 99, ["O"], []))
    assert "dev_split" not in {field.key for field in build_comparison_table([scored(), failed]).fields}


def test_without_an_entity_on_dev_there_is_no_f1_and_nothing_is_best():
    runs = [scored(0.0, loss, gold=0, predicted=3) for loss in (0.4, 0.2)]
    made = build_comparison_table(runs)
    assert column(made, "best_f1") == column(made, "best_epoch") == [None, None]
    assert column(made, "entities") == [0, 0]
    assert made.best == [[], []]
    assert runs[0].best.loss == 0.4
    runs[0].add(runs[1].best)
    assert runs[0].best.loss == 0.2, "the best weights are those of the lowest loss then"


def test_the_table_tells_the_epoch_of_the_best_f1_and_no_star_for_nothing_found():
    runs = [scored(0.5, epoch=2 / 3), scored(0.0), scored(0.0)]
    runs[0].add(Evaluated(1.0, 20, 2.0, 10, 0.1, 0.4, 0.4, 0.4, {}, gold=180))
    made = build_comparison_table(runs)
    assert made.text_rows()[0][made.columns.index("at epoch")] == "0.667"
    assert build_comparison_table(runs[1:]).best == [[], []]


@pytest.mark.parametrize(
    ("legal_only", "predicted", "illegal", "left", "mended"),
    [
        (False, 90, 515, 515, None),
        (False, 0, 0, None, None),
        (False, None, 0, 0, None),
        (True, 90, 515, 0, 515),
        (True, 0, 515, None, 515),
        (True, 90, None, None, None),
    ],
)
def test_illegal_places_are_those_of_the_predictions_beside_those_that_were_mended(
    legal_only, predicted, illegal, left, mended
):
    run = scored(config=CONFIG.replace(legal_only=legal_only), illegal=illegal, predicted=predicted)
    made = build_comparison_table([run, scored(config=CONFIG.replace(legal_only=True), illegal=7)])
    assert column(made, "illegal") == [left, 0]
    assert column(made, "mended") == [mended, 7]
    assert "mended" not in {field.key for field in build_comparison_table([scored()]).fields}


def test_the_table_reads_well_as_text(runs_folder):
    runs = _runs(runs_folder, CONFIG.replace(crf_rate=0.1), CONFIG, seed=0)
    made = build_comparison_table(runs)
    columns = [column.key for column in made.fields]
    rows = [dict(zip(columns, row, strict=True)) for row in made.text_rows()]
    assert [row["crf_rate"] for row in rows] == ["1e-1", "as the head"]
    assert all(row["best_f1"].endswith(" ★") for row in rows)  # equals are best together
    assert rows[0]["seconds"] == format_duration(runs[0].finished.seconds)
    assert rows[0]["tokens_per_s"] == "6,400"


def test_an_empty_table_is_a_table():
    assert build_comparison_table([]).rows == []


def test_the_table_of_differences_has_a_row_a_setting(runs_folder):
    runs = _runs(runs_folder, CONFIG.replace(head_rate=1e-3), CONFIG.replace(dropout=0.5))
    columns, rows = differences_table(runs)
    assert columns == ["setting", "#1", "#2"]
    assert rows == [["Head rate", "1e-3", "5e-3"], ["Dropout", "0.3", "0.5"]]
    assert to_markdown(columns, rows).splitlines() == [
        "| setting | #1 | #2 |",
        "| --- | --- | --- |",
        "| Head rate | 1e-3 | 5e-3 |",
        "| Dropout | 0.3 | 0.5 |",
    ]


def test_a_comparison_is_shown_as_markdown(runs_folder):
    table = build_comparison_table(_runs(runs_folder, CONFIG, CONFIG.replace(dropout=0.5)))
    assert table._repr_markdown_() == to_markdown(table.columns, table.text_rows())


def test_markdown_keeps_pipes_and_line_breaks_inside_their_cell():
    assert to_markdown(["a|b"], [["c\nd"]]).splitlines()[::2] == ["| a\\|b |", "| c d |"]


def _earlier(config=CONFIG, *, sentences=4800, seconds_per_step=0.05, steps=300, state="completed", **started):
    """A run over `sentences` a epoch: 100 steps an epoch of 48 sentences each, whatever the config says."""
    run = Run(config=config)
    run.number = 7
    for event in events(config, steps, state, step_s=seconds_per_step):
        if isinstance(event, CorpusRead):
            event = CorpusRead(0.3, config.corpus, "", sentences, 120, 0, 0, [], [])
        if isinstance(event, RunStarted):
            event = RunStarted(event.time, event.pid, started.get("host", socket.gethostname()))
        run.add(event)
    return run


def test_steps_are_counted_as_the_trainer_counts_them():
    plan = estimate([], CONFIG.replace(batch_size=16, accumulate=2, epochs=3), 100)
    assert (plan.steps_per_epoch, plan.steps) == (4, 12)
    assert plan.seconds is plan.basis is None
    assert estimate([], CONFIG.replace(train_limit=33, batch_size=16, epochs=1), 100).steps == 3
    assert estimate([], CONFIG.replace(batch_size=16, epochs=1), 100, processes=2).steps == 4


def test_steps_by_a_token_budget_are_told_as_a_guess_by_the_pieces_of_earlier_runs_on_the_corpus():
    config = CONFIG.replace(token_budget=600, epochs=2)
    plan = estimate([], config, 4800)
    assert (plan.steps_per_epoch, plan.is_exact) == (4800 * TYPICAL_TOKENS_PER_SENTENCE // 600, False)
    earlier = _earlier()
    pieces = earlier.summary().tokens / (earlier.summary().epoch * 4800)
    plan = estimate([earlier], config, 4800)
    assert plan.steps_per_epoch == math.ceil(4800 * pieces / 600)
    assert plan.steps == 2 * plan.steps_per_epoch
    assert estimate([], CONFIG, 4800).is_exact


def test_a_run_like_an_earlier_one_is_expected_to_take_as_long():
    earlier = _earlier()
    plan = estimate([earlier], CONFIG, 4800, 120)
    assert plan.basis == "from run #7"
    assert plan.run is earlier
    assert plan.seconds == pytest.approx(earlier.finished.seconds, rel=1e-6)


def test_twice_the_sentences_take_twice_the_training():
    earlier = _earlier()
    training = 300 * 0.05
    assert estimate([earlier], CONFIG, 9600).seconds == pytest.approx(earlier.finished.seconds + training)
    assert estimate([earlier], CONFIG.replace(train_limit=2400), 9600).seconds == pytest.approx(
        earlier.finished.seconds - training / 2
    )


def test_scoring_fewer_test_sentences_takes_less():
    earlier = Run(config=CONFIG)
    log = events(CONFIG, 300)
    for event in log[:-1]:
        if isinstance(event, CorpusRead):
            event = CorpusRead(0.3, CONFIG.corpus, "", 4800, 120, 1000, 0, [], [])
        earlier.add(event)
    last = log[-2].seconds
    earlier.add(Evaluated(last + 10.0, 300, 3.0, 1, 0.5, 0.5, 0.5, 0.5, {}, split="test"))
    earlier.add(RunFinished(last + 10.0, "completed", 300))
    whole = estimate([earlier], CONFIG, 4800, 120, 1000).seconds
    limited = estimate([earlier], CONFIG.replace(test_limit=100), 4800, 120, 1000).seconds
    assert whole - limited == pytest.approx(9.0, rel=0.02)


def test_more_epochs_take_more_training_and_more_evaluations():
    earlier = _earlier()
    longer = estimate([earlier], CONFIG.replace(epochs=6), 4800).seconds
    assert longer == pytest.approx(earlier.finished.seconds + 300 * 0.05 + 3 * 0.5)


def test_evaluations_between_epochs_and_larger_dev_parts_count():
    earlier = _earlier()
    per_epoch = 300  # 4800 / 16
    often = estimate([earlier], CONFIG.replace(evaluate_every=150), 4800).seconds
    assert often == pytest.approx(earlier.finished.seconds + 3 * 0.5)  # of six, three end an epoch anyway
    assert math.lcm(150, per_epoch) == per_epoch
    assert estimate([earlier], CONFIG, 4800, 240).seconds == pytest.approx(earlier.finished.seconds + 3 * 0.5)
    limited = estimate([earlier], CONFIG.replace(dev_limit=60), 4800, 240).seconds
    assert limited == pytest.approx(earlier.finished.seconds - 3 * 0.25)


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "other"},
        {"downstream": "none"},
        {"decoder": "softmax"},
        {"mix_layers": True},
        {"precision": "bfloat16"},
        {"implementation": "reference"},
        {"encoder_rate": 0.0},
    ],
)
def test_runs_that_do_other_work_tell_nothing(change):
    assert estimate([_earlier(CONFIG.replace(**change))], CONFIG, 4800).seconds is None


def test_compared_runs_of_other_steps_an_epoch_lie_along_epochs():
    small, large, longer = (_earlier(CONFIG.replace(epochs=epochs)) for epochs in (1, 3, 3))
    assert default_axis([small, large]) == "epoch"
    assert default_axis([large, longer]) == default_axis([large, Run(config=CONFIG)]) == default_axis([]) == "step"


def test_runs_on_another_host_or_that_failed_tell_nothing():
    assert estimate([_earlier(host="elsewhere")], CONFIG, 4800).seconds is None
    assert estimate([_earlier(state="failed")], CONFIG, 4800).seconds is None
    assert estimate([_earlier(state="interrupted")], CONFIG, 4800).seconds is None
    assert estimate([_earlier(host="elsewhere")], CONFIG, 4800, host="elsewhere").seconds is not None


def test_an_equal_run_that_ended_well_tells_the_time_however_short_it_was():
    config = CONFIG.replace(epochs=1)
    short, shorter = (_earlier(config.replace(seed=5), sentences=48 * steps, steps=steps) for steps in (2, 1))
    for earlier, steps in ((short, 2), (shorter, 1)):
        assert earlier.summary().step == steps
        assert estimate([earlier], config, 48 * steps).seconds == pytest.approx(earlier.finished.seconds, rel=1e-6)
        assert estimate([earlier], config.replace(epochs=2), 48 * steps).seconds is None
    stopped = _earlier(config, sentences=96, steps=4, state="stopped")
    assert estimate([stopped], config, 96).seconds is None


def test_an_equal_run_that_was_profiled_from_its_first_step_to_its_last_tells_the_time():
    config = CONFIG.replace(epochs=1, profile=True)
    earlier = Run(config=config)
    for event in events(config, 10):
        if isinstance(event, RunFinished):
            took = earlier.summary().training_s
            earlier.add(OperatorsProfiled(event.seconds, 10, 10, earlier.summary().tokens, took, []))
        earlier.add(event)
    assert earlier.summary().all_steps_s == 0
    sentences = earlier.corpus.train_sentences
    assert estimate([earlier], config, sentences).seconds == pytest.approx(earlier.finished.seconds, rel=0.1)


def test_runs_with_several_processes_tell_nothing_about_one():
    run = _earlier()
    run.add(replace_plan(run.plan, processes=4))
    assert estimate([run], CONFIG, 4800).seconds is None
    assert estimate([run], CONFIG, 4800, processes=4).seconds is not None


def replace_plan(plan, **changes):
    values = {name: getattr(plan, name) for name in plan.__struct_fields__}
    return TrainingPlanned(**{**values, **changes})


def test_the_nearest_batch_size_is_taken():
    near, far = _earlier(CONFIG.replace(batch_size=8)), _earlier(CONFIG.replace(batch_size=128))
    assert estimate([far, near], CONFIG.replace(batch_size=16), 4800).run is near
    assert estimate([far, near], CONFIG.replace(batch_size=64), 4800).run is far


def test_a_stopped_run_counts_where_no_other_is_as_near():
    stopped, completed = _earlier(state="stopped"), _earlier()
    assert estimate([stopped], CONFIG, 4800).run is stopped
    assert estimate([stopped, completed], CONFIG, 4800).run is completed


def test_of_equals_the_newest_is_taken():
    older, newer = _earlier(), _earlier()
    older.created, newer.created = 1.0, 2.0
    assert estimate([newer, older], CONFIG, 4800).run is newer


def cut(steps_per_epoch, **settings):
    """An ended run of 100 sentences whose steps tell that some were cut."""
    run = Run(config=CONFIG.replace(batch_size=16, train_limit=0, **settings))
    run.add(CorpusRead(0.2, "wnut16", "c0ffee", 100, 20, 0, 1200, ["O"], []))
    run.add(TrainingPlanned(0.3, 3 * steps_per_epoch, steps_per_epoch, "cpu", "cpu", "float32", 1, "c0ffee"))
    return run


def test_steps_of_cut_sentences_are_told_by_the_newest_run_that_cut_alike():
    config = CONFIG.replace(batch_size=16, train_limit=0, epochs=1, max_pieces=8)
    first = estimate([], config, 100)
    assert (first.steps, first.is_exact) == (7, False), "a short window may cut, and nobody has tried"
    similar = estimate([cut(49, max_pieces=8)], config, 100)
    assert (similar.steps, similar.is_exact) == (49, False)
    assert estimate([cut(49, max_pieces=8)], config.replace(batch_size=32), 100).steps == 25
    assert estimate([cut(49, max_pieces=8)], config.replace(train_limit=50), 100).steps == 25
    for other in (cut(49, max_pieces=8, token_budget=64), cut(49, max_pieces=9)):
        assert estimate([other], config, 100).steps == 7
    whole = estimate([cut(7, max_pieces=8)], config, 100)
    assert (whole.steps, whole.is_exact) == (7, True), "nothing was cut"
