"""Starter pairs, recommended rates, and the config of a new lab."""

import dataclasses
import json

import pytest

from labkit.config import RunConfig, run_settings
from labkit.data.corpora import list_corpora
from labkit.data.downloads import list_encoders
from labkit.lab.slider_stops import make_slider_stops
from labkit.presets import (
    DEFAULT_PAIR,
    PRESETS,
    STARTER_PAIRS,
    StarterPair,
    config_warnings,
    find_starter_pair,
    make_config,
    preset,
    preset_values,
    recommended_rates,
)


@pytest.mark.parametrize("name", STARTER_PAIRS)
def test_a_pair_is_of_the_menus_and_draws_no_warning(name: str) -> None:
    config = make_config(name)
    assert config.encoder in list_encoders()
    assert config.corpus in list_corpora()
    assert config_warnings(config, train_sentences=2000) == []


@pytest.mark.parametrize("pair", STARTER_PAIRS.values(), ids=lambda pair: pair.encoder)
def test_a_pair_s_rate_is_a_usual_one_and_both_are_stops_of_the_slider(pair: StarterPair) -> None:
    stops = make_slider_stops(run_settings()["encoder_rate"], float, RunConfig().encoder_rate)
    low, high = pair.encoder_rate_range
    assert low <= pair.encoder_rate <= high
    assert {low, high, pair.encoder_rate} <= set(stops)


def test_the_english_pair_is_what_a_config_is_without_a_word() -> None:
    assert make_config("english") == RunConfig()


def test_a_small_encoder_gets_larger_rates_than_one_that_is_not_known() -> None:
    assert recommended_rates("tiny-zh")["encoder_rate"] > recommended_rates("bert-base-chinese")["encoder_rate"]
    assert recommended_rates("bert-base-chinese") == recommended_rates(RunConfig().encoder)


def test_rates_go_with_the_encoder_and_the_number_of_sentences_with_the_corpus() -> None:
    hub = make_config("chinese", overrides={"encoder": "bert-base-chinese"})
    assert (hub.corpus, hub.train_limit) == (STARTER_PAIRS["chinese"].corpus, STARTER_PAIRS["chinese"].train_limit)
    assert hub.encoder_rate == RunConfig().encoder_rate
    own = make_config("chinese", overrides={"corpus": "my-own"})
    assert (own.encoder_rate, own.train_limit) == (STARTER_PAIRS["chinese"].encoder_rate, 0)


def test_what_is_given_wins() -> None:
    given = {"encoder": "minilm", "encoder_rate": 1e-4, "corpus": "wnut16", "train_limit": 500}
    assert given.items() <= make_config("chinese", "one rate", given).as_dict().items()


@pytest.mark.parametrize("pair", STARTER_PAIRS.values(), ids=lambda pair: pair.encoder)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_undo_each_other_for_every_encoder(name: str, pair: StarterPair) -> None:
    encoder = pair.encoder
    base = RunConfig(encoder=encoder)
    for before in PRESETS:
        changed = base.replace(**preset_values(before, encoder)).replace(**preset_values(name, encoder))
        assert changed == base.replace(**preset_values(name, encoder)), before


def test_one_rate_is_that_of_the_encoder() -> None:
    assert preset_values("one rate", "tiny-zh")["head_rate"] == recommended_rates("tiny-zh")["encoder_rate"]
    assert make_config("chinese", "one rate").rate_ratio == 1


def test_an_unknown_pair_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown pair 'klingon'; there are chinese, english"):
        make_config("klingon")


def test_the_lab_starts_with_the_first_pair_changed_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_DEFAULTS", raising=False)
    assert preset() == make_config(DEFAULT_PAIR)
    monkeypatch.setenv("LABKIT_DEFAULTS", json.dumps({"encoder": "elsewhere", "epochs": 2}))
    assert preset() == make_config(DEFAULT_PAIR, overrides={"encoder": "elsewhere", "epochs": 2})
    assert preset().encoder_rate == RunConfig().encoder_rate


def test_a_run_s_pair_is_told_by_its_corpus_or_its_encoder() -> None:
    chinese = STARTER_PAIRS["chinese"]
    assert find_starter_pair(RunConfig(corpus="msra", encoder="elsewhere")) == chinese
    assert find_starter_pair(RunConfig(corpus="elsewhere", encoder="tiny-zh")) == chinese
    assert find_starter_pair(RunConfig(corpus="elsewhere", encoder="somewhere")) is None


def test_a_rate_that_only_a_small_encoder_stands_is_warned_of() -> None:
    high = make_config("chinese")
    assert config_warnings(dataclasses.replace(high, encoder="bert-base-chinese"))[0].startswith(
        "The encoder's rate is above"
    )
    assert config_warnings(high) == []


def test_a_preset_is_a_config_of_a_pair_with_changes_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    config = preset("one rate", pair="english", epochs=7)
    assert (config.head_rate, config.encoder, config.epochs) == (config.encoder_rate, "minilm", 7)
    monkeypatch.setenv("LABKIT_DEFAULTS", json.dumps({"epochs": 2, "seed": 5}))
    assert preset(epochs=7) == make_config(overrides={"epochs": 7, "seed": 5})
    with pytest.raises(ValueError, match="unknown settings epoch"):
        preset(epoch=7)
    with pytest.raises(ValueError, match="unknown preset 'mine'"):
        preset("mine")
