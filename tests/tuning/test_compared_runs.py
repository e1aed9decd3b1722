"""One sentence on runs side by side: the best, or that dev cannot tell."""

from pathlib import Path

import msgspec

from labkit.runs.run import Run
from labkit.tuning.compared_runs import advise_comparison
from labkit.tuning.run_facts import f1_margin
from tests.tuning.planted import CORPUS, evaluation, run_of, write_planted


def write(folder: Path, number: int, f1: float, **settings: object) -> Run:
    return write_planted(folder / f"run-{number:04d}", f1=(f1 / 2, f1), dev_loss=(0.2, 0.1), **settings)


def test_the_best_run_is_told_with_what_it_has_that_the_next_one_has_not(tmp_path: Path) -> None:
    runs = [write(tmp_path, 1, 0.2, head_rate=1e-4), write(tmp_path, 2, 0.7), write(tmp_path, 3, 0.69, seed=1)]
    told = advise_comparison(runs)
    assert told == (
        "#2 (mean of 2 seeds) is best with F1 0.695, 0.495 ahead of #1 (± 0.06): it has Head rate 1e-2 instead of 1e-4"
    )


def test_a_difference_within_the_margin_of_dev_is_told_as_such(tmp_path: Path) -> None:
    runs = [write(tmp_path, 1, 0.7), write(tmp_path, 2, 0.68, head_rate=5e-3)]
    told = advise_comparison(runs) or ""
    assert told.startswith("#1 is ahead of #2 by 0.020, less than dev can tell (± 0.06)")
    assert told.endswith("Head rate 1e-2 instead of 5e-3")


def test_runs_that_differ_in_their_seeds_only_are_taken_together(tmp_path: Path) -> None:
    runs = [write(tmp_path, seed, f1, seed=seed) for seed, f1 in enumerate((0.68, 0.7, 0.72), 1)]
    assert advise_comparison(runs) == "only the seed differs: F1 from 0.680 to 0.720, 0.700 on average"


def test_runs_that_cannot_be_compared_get_no_sentence(tmp_path: Path) -> None:
    other = msgspec.structs.replace(CORPUS, dev_sentences=7)
    assert advise_comparison([write(tmp_path, 1, 0.7)]) is None
    assert advise_comparison([write(tmp_path, 2, 0.7), write(tmp_path, 3, 0.6, corpus=other)]) is None
    assert advise_comparison([write(tmp_path, 4, 0.7), run_of(done=0.1)]) is None


def test_the_margin_of_an_f1_is_that_of_a_share_of_as_many_entities() -> None:
    assert round(f1_margin(evaluation(1, 1.0, 0.5, 0.1, 100, None)), 3) == round(1.96 * (0.25 / 75) ** 0.5, 3)
    assert 0 < f1_margin(evaluation(1, 1.0, 0.0, 0.1, 100, None)) < 0.1  # an F1 of 0 is not certain, either
    assert f1_margin(evaluation(1, 1.0, 0.5, 0.1, 10_000, None)) < 0.02
