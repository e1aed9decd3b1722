"""Advice: each rule on a run made up for it, and on a twin that differs in one number."""

import itertools
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

import labkit
from labkit.config import RunConfig
from labkit.events import (
    DeviceSampled,
    Event,
    PathsCompleted,
    RateChanged,
    RunFinished,
    StepDone,
    TrainingPlanned,
)
from labkit.i18n.translation import translate
from labkit.messages import Message
from labkit.runs.run import Run
from labkit.tuning import alarms, hints, verdicts
from labkit.tuning.advice import Advice
from labkit.tuning.advisor import advise
from tests.tuning.planted import CORPUS, STEPS, evaluation, run_of
from tests.tuning.planted import planted as make_events


def first(run: Run) -> str:
    found = advise(run)
    return found[0].rule if found else ""


def first_of(run: Run, rule: str) -> Advice:
    return next(one for one in advise(run, most=99) if one.rule == rule)


NOTHING = {"f1": (0.0, 0.0, 0.0)}
STANDING = {**NOTHING, "losses": (0.6, 0.3)}
DIVERGED = Message("The loss is not a number at step {step} (rates: {rates}).", step=3, rates="head 1")
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # rule: what is planted, the one thing that makes a twin of which the rule does not speak, the remedy
    "diverged": (
        {"state": "failed", "reason": DIVERGED, "encoder_rate": 5e-3},
        {"reason": Message("No room on the disk.")},
        {"encoder_rate": 5e-5},
    ),
    "no-entities": (
        {**NOTHING, "gold": 0, "corpus": msgspec.structs.replace(CORPUS, tag_entropy=0.0)},  # tags that dev alone has
        {"corpus": CORPUS},
        {},
    ),
    "unknown-words": (
        {"corpus": msgspec.structs.replace(CORPUS, unknown_tokens={"train": 0.4})},
        {"corpus": msgspec.structs.replace(CORPUS, unknown_tokens={"train": 0.2})},
        {},
    ),
    "words-in-letters": (
        {**NOTHING, "corpus": msgspec.structs.replace(CORPUS, train_words=100)},
        {"corpus": msgspec.structs.replace(CORPUS, train_words=10_000)},
        {},
    ),
    "too-few-steps": (
        {"f1": (0.0, 0.06, 0.05), "steps": 12, "batch_size": 256},
        {"f1": (0.1, 0.2, 0.3)},
        {"batch_size": 16},
    ),
    "encoder-rate-too-high": (
        {**STANDING, "encoder_rate": 1e-3},
        {"losses": (0.6, 0.1)},
        {"encoder_rate": 5e-5},
    ),
    "head-rate-too-high": (
        {**STANDING, "downstream": "idcnn", "head_rate": 1e-2},
        {"head_rate": 3e-3},
        {"head_rate": 1e-3},
    ),
    "head-still": ({**NOTHING, "head": 0.05, "head_rate": 5e-5}, {"head": 0.7}, {"head_rate": 1e-2}),
    "rates-ran-out": (
        {**NOTHING, "spent_after": 40, "head_schedule": "staircase"},
        {"spent_after": 120},
        {"encoder_schedule": "linear", "head_schedule": "linear"},
    ),
    "labels-unrelated": (STANDING, {"losses": (0.6, 0.1)}, {}),
    "crf-untrained": ({"crf": 0.01, "crf_rate": 1e-6}, {"crf": 0.5}, {"crf_rate": 1e-2}),
    "head-late": ({"head": 0.3, "head_rate": 1e-3}, {"head": 0.7}, {"head_rate": 1e-2}),
    "encoder-forgets": ({"encoder_rate": 1e-3}, {"encoder_rate": 1e-4}, {"encoder_rate": 5e-5}),
    "encoder-slow": ({"encoder_rate": 5e-6}, {"encoder_rate": 1e-5}, {"encoder_rate": 5e-5}),
    "head-rate-high": ({"head_rate": 1e-1}, {"head_rate": 3e-2}, {"head_rate": 1e-2}),
    "rates-fell-early": (
        {"spent_after": 40, "head_schedule": "staircase"},
        {"spent_after": 120},
        {"encoder_schedule": "linear", "head_schedule": "linear"},
    ),
    "strong-dropout": ({"dropout": 0.9}, {"dropout": 0.5}, {"dropout": 0.3}),
    "frozen-encoder": ({"encoder_rate": 0.0}, {"encoder_rate": 3e-5}, {"encoder_rate": 5e-5}),
    "some-unknown-words": (
        {"corpus": msgspec.structs.replace(CORPUS, unknown_tokens={"train": 0.1})},
        {"corpus": msgspec.structs.replace(CORPUS, unknown_tokens={"train": 0.01})},
        {},
    ),
    "cut-entities": (
        {"corpus": msgspec.structs.replace(CORPUS, cut_entities={"dev": 0.2}), "max_pieces": 8},
        {"corpus": CORPUS},
        {"max_pieces": 128},
    ),
    "long-warm-up": (
        {"head_warmup": 0.9},
        {"head_warmup": 0.1},
        {"encoder_warmup": 0.05, "head_warmup": 0.05},
    ),
    "small-dev": ({"gold": 18, "dev_limit": 10}, {"gold": 200}, {"dev_limit": 0}),
    "learning-by-heart": (
        {"f1": (0.6, 0.7, 0.69, 0.69, 0.7), "dev_loss": (0.2, 0.15, 0.2, 0.25, 0.25)},
        {"dev_loss": (0.2, 0.15, 0.15, 0.15, 0.15)},
        {"patience": 3},
    ),
    "still-rising": ({"f1": (0.3, 0.5, 0.7)}, {"f1": (0.3, 0.69, 0.7)}, {"epochs": 5}),
    "few-steps": ({"f1": (0.2, 0.4, 0.4), "steps": 66}, {"steps": 120}, {"epochs": 6}),
    "settled": (
        {"f1": (0.5, 0.7, 0.7, 0.7, 0.7), "dev_loss": (0.2,) * 5, "steps": 700},
        {"steps": 500},  # 200 until then
        {"epochs": 2},
    ),
    "type-never-found": ({"types": {"PER": 0.8, "ORG": 0.0}}, {"types": {"PER": 0.8, "ORG": 0.1}}, {}),
    "out-of-step": (
        {
            "more": (PathsCompleted(200.0, 180, [10, 170, 180], {"head": [0.95, 1, 1], "encoder": [0.1, 0.95, 1]}),),
            "head_schedule": "staircase",
        },
        {"more": ()},
        {"head_schedule": "linear"},
    ),
    "trust-f1": (
        {"f1": (0.5, 0.55, 0.62, 0.63), "dev_loss": (0.15, 0.17, 0.19, 0.2)},
        {"dev_loss": (0.2, 0.19, 0.18, 0.17)},
        {},
    ),
    "always-clipped": ({"norm": 7.0}, {"norm": 0.9}, {}),
    "in-order": ({}, {"f1": (0.0, 0.1, 0.1)}, {}),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_planted_run_gets_its_sentence_and_its_remedy(rule: str) -> None:
    made, changed, remedy = CASES[rule]
    (given, *_) = advise(run_of(**made))
    assert (given.rule, given.remedy) == (rule, remedy)
    assert rule not in {advice.rule for advice in advise(run_of(**{**made, **changed}), most=99)}


def samples(busy: float, full_mib: float) -> tuple[Event, ...]:
    return tuple(DeviceSampled(10.0 + second, "gpu 0", busy, full_mib, 0.0, 1000.0) for second in range(40))


@pytest.mark.parametrize(
    ("busy", "full_mib", "rule", "remedy"),
    [
        (30.0, 200.0, "gpu-idle", {"batch_size": 32}),
        (30.0, 980.0, "gpu-full", {"batch_size": 8, "accumulate": 2}),
        (95.0, 200.0, "", {}),
        (30.0, 700.0, "", {}),
    ],
)
def test_a_gpu_that_is_idle_or_full_is_told(busy: float, full_mib: float, rule: str, remedy: dict[str, Any]) -> None:
    plan = TrainingPlanned(2.0, STEPS, 60, "cuda:0", "H200", "bfloat16", 1, "")
    found = advise(run_of(more=(plan, *samples(busy, full_mib))), most=99)
    about_gpu = [(advice.rule, advice.remedy) for advice in found if advice.rule.startswith("gpu")]
    assert about_gpu == ([(rule, remedy)] if rule else [])


def test_every_rule_has_a_case() -> None:
    rules = (*alarms.RULES, *hints.RULES, *verdicts.RULES, verdicts.in_order)
    assert {rule.__name__.replace("_", "-") for rule in rules} == {*CASES, "gpu-idle", "gpu-full"}


@pytest.mark.parametrize("page", ["docs/advice.md", "docs/zh/advice.md"])
def test_every_rule_is_documented(page: str) -> None:
    text = (Path(labkit.__file__).parents[1] / page).read_text(encoding="utf-8")
    assert [rule for rule in (*CASES, "gpu-idle", "gpu-full") if f"`{rule}`" not in text] == []


def test_a_run_that_was_stopped_is_not_judged_as_if_it_had_ended() -> None:
    stopped = RunFinished(100.0, "stopped", 60)
    for planted in ({"f1": (0.0, 0.0, 0.0), "head": 1.3}, {"crf": 0.3}, {"f1": (0.7, 0.71, 0.71)}):
        live = run_of(**planted, done=1 / 3)
        told = advise(live, most=99)
        live.add(stopped)
        assert advise(live, most=99) == told
    by_itself = run_of(f1=(0.7,) * 12, dev_loss=(0.2,) * 12, done=1 / 3)
    by_itself.add(msgspec.structs.replace(stopped, early=True))
    assert first(by_itself) == "in-order"


def test_rules_on_rates_are_silent_once_a_rate_was_changed_by_hand() -> None:
    changed = {"more": (RateChanged(60.0, 60, "head", 1e-2),)}
    for rule in ("head-still", "head-late", "encoder-rate-too-high", "rates-fell-early", "crf-untrained"):
        assert rule not in {advice.rule for advice in advise(run_of(**CASES[rule][0], **changed), most=99)}
    assert first(run_of(**CASES["cut-entities"][0], **changed)) == "cut-entities"


def test_an_alarm_on_rates_does_not_come_and_go_with_the_training_loss() -> None:
    by_heart = {**NOTHING, "losses": (0.6, 0.1), "encoder_rate": 1e-3}
    assert first(run_of(**by_heart, dev_loss=(0.25, 0.25, 0.25))) == "encoder-rate-too-high"
    assert first(run_of(**by_heart, dev_loss=(0.2, 0.15, 0.1))) != "encoder-rate-too-high"


def test_rising_is_counted_over_an_epoch_however_often_it_was_evaluated() -> None:
    between = evaluation(170, 170 / 60, 0.69, 0.15, 500, None)
    config, events = make_events(f1=(0.3, 0.5, 0.7))
    events.insert(events.index(next(one for one in events if isinstance(one, StepDone) and one.step == 171)), between)
    run = Run(config=config)
    for event in events:
        run.add(event)
    assert advise(run)[0].text.startswith("F1 was still rising when the run ended, from 0.500 to 0.700")


def test_places_that_legal_tags_have_mended_are_not_counted() -> None:
    for legal_only, told in ((False, True), (True, False)):
        given = first_of(run_of(**CASES["crf-untrained"][0], legal_only=legal_only), "crf-untrained")
        assert ("at 3 places" in given.why) == told


def test_a_run_that_settled_late_is_not_told_to_be_shorter() -> None:
    late = run_of(f1=(0.5, 0.6, 0.65, 0.7, 0.7), dev_loss=(0.2,) * 5, steps=700)
    assert "settled" not in {advice.rule for advice in advise(late, most=99)}


def test_few_steps_are_told_even_where_something_was_found_in_them() -> None:
    assert first(run_of(f1=(0.0, 0.1, 0.15), steps=12)) == "too-few-steps"
    assert first(run_of(f1=(0.0, 0.1, 0.15), steps=45)) != "too-few-steps"


def test_files_are_not_suspected_where_dropout_takes_what_could_be_learnt() -> None:
    assert first(run_of(**STANDING, dropout=0.9)) == "strong-dropout"


def test_an_alarm_speaks_alone_and_two_hints_at_most() -> None:
    everything = {"head_warmup": 0.9, "gold": 18, "head": 0.05, "norm": 7.0, "encoder_rate": 0.0}
    assert [advice.level for advice in advise(run_of(**NOTHING, **everything))] == ["alarm"]
    assert len(advise(run_of(**everything))) == 2


def test_a_head_that_stands_still_is_told_by_the_first_evaluation_already() -> None:
    assert first(run_of(**NOTHING, head=0.05, done=1 / 3)) == "head-still"
    assert first(run_of(**NOTHING, head=0.3, done=1 / 3)) != "head-still"  # it will get farther


def test_a_run_that_is_not_evaluated_yet_is_left_alone() -> None:
    assert advise(run_of(head=0.001, done=0.2)) == []
    assert advise(Run(config=RunConfig())) == []


def test_of_an_older_log_fewer_rules_speak_and_none_raises() -> None:
    old = msgspec.structs.replace(
        CORPUS, tag_entropy=None, conditional_tag_entropy=None, unknown_tokens={}, cut_entities={}
    )
    for planted, _, _ in CASES.values():
        run = run_of(**{**planted, "corpus": old})
        run._load_curves().moves.clear()
        for advice in advise(run, most=99):
            assert advice.rule not in ("head-still", "labels-unrelated", "in-order")


@pytest.mark.parametrize("rule", CASES)
def test_sentences_are_translated_whole(rule: str) -> None:
    (given, *_) = advise(run_of(**CASES[rule][0]))
    for told in (given.text, given.why):
        assert translate("zh", told) != told


def test_no_rate_is_raised_after_a_loss_that_exploded() -> None:
    (given,) = advise(run_of(state="failed", reason=DIVERGED, head_rate=1e-4))
    assert given.remedy == {"head_rate": 1e-5}


@pytest.mark.parametrize(
    ("size", "accumulate", "remedy"), [(1, 4, {}), (2, 1024, {"batch_size": 1, "accumulate": 1024})]
)
def test_a_full_gpu_gets_no_remedy_out_of_range(size: int, accumulate: int, remedy: dict[str, Any]) -> None:
    plan = TrainingPlanned(2.0, STEPS, 60, "cuda:0", "H200", "bfloat16", 1, "")
    run = run_of(more=(plan, *samples(95.0, 980.0)), batch_size=size, accumulate=accumulate)
    assert [one.remedy for one in advise(run, most=99) if one.rule == "gpu-full"] == [remedy]


def test_both_rates_are_mended_at_once() -> None:
    (given,) = advise(run_of(**STANDING, encoder_rate=1e-3, head_rate=2e-4))
    assert (given.rule, given.remedy) == ("encoder-rate-too-high", {"encoder_rate": 5e-5, "head_rate": 1e-2})


@pytest.mark.parametrize(
    ("head_rate", "crf_rate", "remedy"),
    [(1e-2, 1e-5, 1e-2), (1e-2, None, 1e-1), (1e-2, 1e-2, 1e-1), (1e-2, 0.5, 1.0)],
)
def test_a_crf_that_stands_still_gets_a_rate_above_its_own(
    head_rate: float, crf_rate: float | None, remedy: float
) -> None:
    given = first_of(run_of(crf=0.01, head_rate=head_rate, crf_rate=crf_rate), "crf-untrained")
    assert given.remedy == {"crf_rate": pytest.approx(remedy)}


@pytest.mark.parametrize(("structure", "usual"), [({"downstream": "idcnn"}, 1e-3), ({"tanh_size": 256}, 3e-3)])
def test_relu_and_tanh_want_a_smaller_head_rate(structure: dict[str, Any], usual: float) -> None:
    (given,) = advise(run_of(**STANDING, **structure, head_rate=1e-2))
    assert (given.rule, given.remedy) == ("head-rate-too-high", {"head_rate": usual})
    (given,) = advise(run_of(**NOTHING, **structure, head=0.01, head_rate=1e-4))
    assert (given.rule, given.remedy) == ("head-still", {"head_rate": usual})


def test_remedies_are_within_their_ranges() -> None:
    for (planted, _, _), epochs in itertools.product(CASES.values(), (1, 50)):
        f1 = (0.0,) * epochs
        run = run_of(**{**planted, "f1": f1, "dev_loss": (0.2,) * epochs, "steps": 2 * epochs, "epochs": epochs})
        for advice in advise(run, most=99):
            run.config.replace(**advice.remedy)  # type: ignore[union-attr]  # raises ValueError outside


def test_a_remedy_reads_as_options_of_the_command_line() -> None:
    advice = Advice("x", "hint", Message("x"), Message("x"), {"head_rate": 1e-2, "dev_limit": 0, "epochs": 5})
    assert advice.format_options() == "--head-rate 1e-2 --dev-limit 0 --epochs 5"
    assert str(advice.describe_remedy()) == "Head rate 1e-2, Dev sentences all, Epochs 5"
    assert "all" not in translate("zh", advice.describe_remedy())


def test_a_loss_that_is_no_number_does_not_raise() -> None:
    run = run_of(dev_loss=(math.nan,) * 3)
    assert isinstance(labkit.advise(run), list)
