"""Pairs of encoder and corpus, and what a run starts with."""

import dataclasses
import json

import pytest

from labkit.config import RunConfig, knobs
from labkit.data.corpora import corpus_menu
from labkit.data.downloads import encoder_menu
from labkit.lab.slider_stops import slider_stops
from labkit.presets import FIRST, PAIRS, PRESETS, Pair, defaults, pair_of, preset, rates_for, start, warnings


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_is_of_the_menus_and_draws_no_warning(name: str) -> None:
    config = start(name)
    assert config.encoder in encoder_menu()
    assert config.corpus in corpus_menu()
    assert warnings(config, train_sentences=2000) == []


@pytest.mark.parametrize("pair", PAIRS.values(), ids=lambda pair: pair.encoder)
def test_a_pair_s_rate_is_a_usual_one_and_both_are_stops_of_the_slider(pair: Pair) -> None:
    stops = slider_stops(knobs()["encoder_rate"], float, RunConfig().encoder_rate)
    low, high = pair.usual
    assert low <= pair.encoder_rate <= high
    assert {low, high, pair.encoder_rate} <= set(stops)


def test_the_english_pair_is_what_a_config_is_without_a_word() -> None:
    assert start("english") == RunConfig()


def test_a_small_encoder_gets_larger_rates_than_one_that_is_not_known() -> None:
    assert rates_for("tiny-zh")["encoder_rate"] > rates_for("bert-base-chinese")["encoder_rate"]
    assert rates_for("bert-base-chinese") == rates_for(RunConfig().encoder)


def test_rates_go_with_the_encoder_and_the_number_of_sentences_with_the_corpus() -> None:
    hub = start("chinese", given={"encoder": "bert-base-chinese"})
    assert (hub.corpus, hub.train_limit) == (PAIRS["chinese"].corpus, PAIRS["chinese"].train_limit)
    assert hub.encoder_rate == RunConfig().encoder_rate
    own = start("chinese", given={"corpus": "my-own"})
    assert (own.encoder_rate, own.train_limit) == (PAIRS["chinese"].encoder_rate, 0)


def test_what_is_given_wins() -> None:
    given = {"encoder": "minilm", "encoder_rate": 1e-4, "corpus": "wnut16", "train_limit": 500}
    assert given.items() <= start("chinese", "one rate", given).as_dict().items()


@pytest.mark.parametrize("pair", PAIRS.values(), ids=lambda pair: pair.encoder)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_undo_each_other_for_every_encoder(name: str, pair: Pair) -> None:
    encoder = pair.encoder
    base = RunConfig(encoder=encoder)
    for before in PRESETS:
        changed = base.replace(**preset(before, encoder)).replace(**preset(name, encoder))
        assert changed == base.replace(**preset(name, encoder)), before


def test_one_rate_is_that_of_the_encoder() -> None:
    assert preset("one rate", "tiny-zh")["head_rate"] == rates_for("tiny-zh")["encoder_rate"]
    assert start("chinese", "one rate").rate_ratio == 1


def test_an_unknown_pair_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown pair 'klingon'; there are chinese, english"):
        start("klingon")


def test_the_lab_starts_with_the_first_pair_changed_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_DEFAULTS", raising=False)
    assert defaults() == start(FIRST)
    monkeypatch.setenv("LABKIT_DEFAULTS", json.dumps({"encoder": "elsewhere", "epochs": 2}))
    assert defaults() == start(FIRST, given={"encoder": "elsewhere", "epochs": 2})
    assert defaults().encoder_rate == RunConfig().encoder_rate


def test_a_run_s_pair_is_told_by_its_corpus_or_its_encoder() -> None:
    chinese = PAIRS["chinese"]
    assert pair_of(RunConfig(corpus="msra", encoder="elsewhere")) == chinese
    assert pair_of(RunConfig(corpus="elsewhere", encoder="tiny-zh")) == chinese
    assert pair_of(RunConfig(corpus="elsewhere", encoder="somewhere")) is None


def test_a_rate_that_only_a_small_encoder_stands_is_warned_of() -> None:
    high = start("chinese")
    assert warnings(dataclasses.replace(high, encoder="bert-base-chinese"))[0].startswith("The encoder's rate is above")
    assert warnings(high) == []
