"""RunConfig: accepted and refused values, error messages; presets and warnings."""

import dataclasses
import json
import math
import random
import re
from typing import Any

import pytest

from labkit import config
from labkit.config import RunConfig, run_settings
from labkit.presets import PRESETS, adjustment_notes, config_warnings, preset_values

NUMBERS = [name for name, (kind, _) in config.field_types().items() if kind in (int, float)]
CHOICES = [name for name, setting in run_settings().items() if setting.choices]


def test_every_default_lies_in_its_own_range() -> None:
    assert dataclasses.asdict(RunConfig()) == {field.name: field.default for field in dataclasses.fields(RunConfig)}


def test_every_field_says_what_it_is_and_where_it_is_shown() -> None:
    for name, setting in run_settings().items():
        assert setting.label, name
        assert len(setting.help) > 10, name
        assert setting.group in ("rates", "structure", "data", "evaluation", "machine"), name
        assert setting.place in ("row", "slider", "advanced"), name


def test_every_number_has_a_range_that_a_slider_can_walk() -> None:
    for name in NUMBERS:
        setting = run_settings()[name]
        assert setting.low is not None, name
        assert setting.high is not None, name
        assert setting.low < setting.high, name
        assert all(setting.low <= mark <= setting.high for mark in setting.marks), name


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().epochs = 5  # type: ignore[misc]


@pytest.mark.parametrize("name", NUMBERS)
def test_both_ends_of_a_range_are_taken_and_the_next_beyond_refused(name: str) -> None:
    setting = run_settings()[name]
    assert setting.low is not None
    assert setting.high is not None
    assert (getattr(RunConfig(**{name: setting.low}), name), getattr(RunConfig(**{name: setting.high}), name)) == (
        setting.low,
        setting.high,
    )
    whole = config.field_types()[name][0] is int
    below = setting.low - 1 if whole else math.nextafter(setting.low, -math.inf)
    above = setting.high + 1 if whole else math.nextafter(setting.high, math.inf)
    for beyond in (below, above):
        with pytest.raises(ValueError, match=f"^{name} must be between .* not {beyond!r}"):
            RunConfig(**{name: beyond})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "3", "5e-5", True, False, [1], b"1"])
def test_what_is_no_number_in_range_is_refused_by_the_name_of_its_field(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        RunConfig(**{name: value})


@pytest.mark.parametrize("name", [name for name, (_, optional) in config.field_types().items() if not optional])
def test_none_is_refused_where_it_has_no_meaning(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*None"):
        RunConfig(**{name: None})


@pytest.mark.parametrize("name", [name for name, (_, optional) in config.field_types().items() if optional])
def test_where_none_means_something_it_says_what(name: str) -> None:
    assert getattr(RunConfig(**{name: None}), name) is None
    assert run_settings()[name].none_text


@pytest.mark.parametrize(
    ("limits", "dev", "test"),
    [
        ({}, 0, 0),
        ({"train_limit": 500}, 250, 500),
        ({"train_limit": 2000}, 500, 1000),
        ({"train_limit": 10_000}, 2500, 5000),
        ({"train_limit": 2000, "dev_limit": 0, "test_limit": 7}, 0, 7),
    ],
)
def test_what_is_scored_goes_with_the_training_sentences_unless_it_is_told(
    limits: dict[str, int], dev: int, test: int
) -> None:
    asked = RunConfig(**limits)  # type: ignore[arg-type]
    assert (asked.sentence_limit("train"), asked.sentence_limit("dev"), asked.sentence_limit("test")) == (
        asked.train_limit,
        dev,
        test,
    )


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_that_is_not_offered_is_refused_with_those_that_are(name: str) -> None:
    for choice in run_settings()[name].choices:
        assert getattr(RunConfig(**{name: choice}), name) == choice
    with pytest.raises(ValueError, match=f"^{name} must be one of .*{run_settings()[name].choices[-1]}.*, not 'bert'"):
        RunConfig(**{name: "bert"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 2.5), ("corpus", 3), ("corpus", ""), ("encoder", "  "), ("repair_tags", 1), ("repair_tags", "no")],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must"):
        RunConfig(**{name: value})


def test_whole_numbers_become_the_type_of_their_field() -> None:
    made = RunConfig(epochs=3.0, head_rate=0, clip_norm=1)  # type: ignore[arg-type]
    assert [type(value) for value in (made.epochs, made.head_rate, made.clip_norm)] == [int, float, float]
    assert made == RunConfig(epochs=3, head_rate=0.0, clip_norm=1.0)


def test_text_that_may_be_empty_may_be_empty() -> None:
    assert RunConfig(trackers="").trackers == ""


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        ("PERSON", "types must look like PERSON=PER, GPE=LOC, DATE=, not 'PERSON'"),
        ("PERSON=PER GPE=LOC", "types must look like"),
        ("A=B=C", "types must look like"),
        ("=PER", "types must look like"),
        ("PER=*", "types must look like"),
        ("PER=A, LOC=B, PER=", "types must have each type once, not PER twice"),
    ],
)
def test_a_malformed_mapping_of_types_is_refused(types: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        RunConfig(types=types)


def test_a_copy_is_checked_like_any_other() -> None:
    assert RunConfig().replace(epochs=7).epochs == 7
    with pytest.raises(ValueError, match=r"^epochs"):
        RunConfig().replace(epochs=0)


def test_a_config_comes_back_from_json_as_it_was() -> None:
    source = random.Random(0)
    for _ in range(200):
        made = RunConfig(
            epochs=source.randint(1, 50),
            encoder_rate=source.uniform(0, 1e-2),
            head_rate=10 ** source.uniform(-12, -1),
            crf_rate=source.choice([None, source.random()]),
            encoder=source.choice(["minilm", "/a folder/ü", 'a "name"']),
            repair_tags=source.choice([True, False]),
        )
        assert RunConfig.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_a_stored_config_with_a_strange_setting_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="unknown settings colour, taste"):
        RunConfig.from_dict({**RunConfig().as_dict(), "taste": 1, "colour": 2})


def test_a_stored_config_of_fewer_settings_gets_the_defaults() -> None:
    assert RunConfig.from_dict({"epochs": 4}) == RunConfig(epochs=4)


@pytest.mark.parametrize(
    ("encoder_rate", "head_rate", "ratio"), [(5e-5, 5e-3, 100), (0, 1e-3, math.inf), (0, 0, 0), (1e-3, 0, 0)]
)
def test_the_ratio_is_head_over_encoder(encoder_rate: float, head_rate: float, ratio: float) -> None:
    assert RunConfig(encoder_rate=encoder_rate, head_rate=head_rate).rate_ratio == pytest.approx(ratio)


# presets


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_config_that_can_be_made(name: str) -> None:
    assert RunConfig(**preset_values(name))


def test_each_preset_undoes_the_one_before_it() -> None:
    for before in PRESETS:
        for after in PRESETS:
            changed = RunConfig(**preset_values(before)).replace(**preset_values(after))
            assert changed == RunConfig(**preset_values(after)), (before, after)


def test_the_article_s_preset_has_its_two_rates_and_schedules() -> None:
    made = RunConfig(**preset_values("article"))
    assert (made.encoder_rate, made.head_rate) == (5e-5, 1e-4)
    assert (made.encoder_schedule, made.head_schedule) == ("linear", "staircase")


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("article", {"downstream": "bilstm", "lstm_size": 256, "tanh_size": 256}),
        (
            "article IDCNN",
            {"downstream": "idcnn", "idcnn_filters": 256, "idcnn_dilations": "1,1,2", "idcnn_repeats": 4},
        ),
    ],
)
def test_the_article_s_presets_have_the_structures_of_its_repository(name: str, structure: dict[str, Any]) -> None:
    made = RunConfig(**preset_values(name)).as_dict()
    assert structure.items() <= made.items()
    assert (made["dropout"], made["decoder"]) == (0.5, "crf")
    assert config_warnings(RunConfig(**preset_values(name)), train_sentences=2000) == []


@pytest.mark.parametrize("value", ["", "1 1 2", "0,1", "1,,2", "1,", "-1", "a", "1,1000", ",".join(["1"] * 17)])
def test_dilations_that_are_no_list_of_whole_numbers_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^idcnn_dilations must (not be empty|look like 1,1,2, not)"):
        RunConfig(idcnn_dilations=value)


def test_one_rate_means_the_same_for_both() -> None:
    assert RunConfig(**preset_values("one rate")).rate_ratio == 1


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown preset 'fast'; there are labkit, article, article IDCNN, one rate"):
        preset_values("fast")


# warnings


def test_usual_settings_draw_no_warning() -> None:
    assert config_warnings(RunConfig(), train_sentences=2000) == []
    assert config_warnings(RunConfig(**preset_values("article")), train_sentences=2000) == []


@pytest.mark.parametrize(
    ("changes", "sentences", "part"),
    [
        ({"epochs": 1}, None, "1 epoch"),
        ({"epochs": 5}, None, "5 epochs"),
        ({"encoder_rate": 1e-4, "head_rate": 1e-5}, None, "below the encoder's"),
        ({"encoder_rate": 5e-4}, None, "above 2e-4: it forgets what it has learnt"),
        ({"encoder_rate": 1e-6, "head_rate": 1e-2}, None, "10,000 times"),
        ({"encoder_rate": 0.0, "head_rate": 0.0}, None, "All rates are 0: nothing will be learnt"),
        ({"encoder_rate": 0.0, "head_rate": 0.0, "crf_rate": 0.0}, None, "All rates are 0: nothing will be learnt"),
        ({"encoder_rate": 0.0, "head_rate": 0.0, "crf_rate": 1e-2}, None, "only the CRF learns"),
        ({"crf_rate": 0.0}, None, "The CRF's rate is 0: it stays as it was drawn"),
        ({"encoder_rate": 0.0, "encoder_start": 0.2}, None, "a late start of the encoder changes nothing"),
        ({"head_rate": 0.0, "encoder_start": 0.2}, None, "until its start nothing will be learnt"),
        ({"epochs": 3, "patience": 2}, None, "Patience stops a run after epoch 3 at the earliest"),
        ({"epochs": 3, "patience": 1, "min_epochs": 3, "evaluate_every": 5}, None, "after epoch 3 at the earliest"),
        ({"downstream": "idcnn", "head_rate": 5e-3}, None, "IDCNN often learns nothing at a head rate above 3e-3"),
        ({"decoder": "softmax", "crf_rate": 0.1}, None, "there is no CRF"),
        ({"batch_size": 64}, 63, "The batch (64) is larger than the training part (63 sentences)"),
        ({"batch_size": 16, "accumulate": 4}, 63, "A step (64 sentences) is larger than the training part (63 sen"),
    ],
)
def test_an_unusual_setting_draws_one_warning_in_a_sentence(
    changes: dict[str, Any], sentences: int | None, part: str
) -> None:
    (warning,) = config_warnings(RunConfig().replace(**changes), sentences)
    assert part in warning
    assert warning.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 2},
        {"epochs": 4},
        {"encoder_rate": 1e-4, "head_rate": 1e-4},
        {"encoder_rate": 1e-5, "head_rate": 1e-2},
        {"downstream": "idcnn", "head_rate": 3e-3},
        {"decoder": "softmax"},
        {"encoder_rate": 0.0},  # frozen on purpose
        {"encoder_rate": 0.0, "crf_rate": 1e-1},
        {"crf_rate": 1e-1},
        {"encoder_start": 0.2},
        {"epochs": 4, "patience": 2},
        {"epochs": 3, "patience": 9, "evaluate_every": 5},
        {"batch_size": 64},
        {"batch_size": 16, "accumulate": 4},
        {"batch_size": 65, "token_budget": 512},
        {"max_pieces": 512},
    ],
)
def test_settings_at_the_edge_of_the_usual_draw_none(changes: dict[str, Any]) -> None:
    assert config_warnings(RunConfig().replace(**changes), 64, 512) == []


def test_a_window_that_the_encoder_has_no_positions_for_is_told_to_be_shorter() -> None:
    told = ["The longest window is 512, not 4096: the encoder reads no more."]
    assert adjustment_notes(RunConfig(max_pieces=4096), longest_window=512) == told
    assert config_warnings(RunConfig(max_pieces=4096), 1000, 512) == told
    assert adjustment_notes(RunConfig(max_pieces=4096)) == []


@pytest.mark.parametrize(
    ("changes", "crf"),
    [({}, {}), ({"crf_rate": 0.1}, {"crf": 0.1}), ({"crf_rate": 0.0}, {"crf": 0.0}),
     ({"crf_rate": 0.1, "decoder": "softmax"}, {})],
)  # fmt: skip
def test_the_rates_of_a_config_are_those_of_the_groups_it_makes(changes: dict[str, Any], crf: dict[str, float]) -> None:
    config = RunConfig(encoder_rate=1e-5, head_rate=1e-2).replace(**changes)
    assert config.group_rates == {"encoder": 1e-5, "head": 1e-2, **crf}


@pytest.mark.parametrize(("rates", "frozen"), [((0, 1e-2, None), True), ((0, 0, None), False), ((0, 0, 1e-2), True)])
def test_an_encoder_is_frozen_only_where_something_else_learns(rates: tuple[Any, Any, Any], frozen: bool) -> None:
    encoder, head, crf = rates
    assert RunConfig(encoder_rate=encoder, head_rate=head, crf_rate=crf).has_frozen_encoder == frozen
