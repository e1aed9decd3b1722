"""Settings of any dataclass: declaration, validation, and the text of values and rates."""

import dataclasses
import math
import random
import re
import struct
from typing import Any

import numpy as np
import pytest

from labkit.config import RunConfig, run_settings
from labkit.settings import FieldSpec, field_specs, format_rate, format_value, setting, validate


@dataclasses.dataclass(frozen=True)
class Bath:
    """Settings that have nothing to do with a run."""

    degrees: float = setting(38.0, "Degrees", "of the water", low=30.0, high=44.0)
    ducks: int | None = setting(None, "Ducks", "that swim along", low=0, high=5_000_000, none_text="all there are")
    salt: str = setting("sea", "Salt", "from where", choices=("sea", "lake"))
    song: str = setting("la,la", "Song", "syllables with commas between", pattern=r"[a-z]{2}(,[a-z]{2})*")
    guest: str = setting("", "Guest", "who comes along")


SPECS = {spec.name: spec for spec in field_specs(Bath)}


def test_specs_come_in_the_order_of_declaration_with_what_was_declared() -> None:
    assert list(SPECS) == ["degrees", "ducks", "salt", "song", "guest"]
    assert [(spec.kind, spec.optional) for spec in SPECS.values()] == [
        (float, False),
        (int, True),
        (str, False),
        (str, False),
        (str, False),
    ]
    assert SPECS["ducks"] == FieldSpec("ducks", int, True, None, SPECS["ducks"].setting)
    assert SPECS["ducks"].setting.none_text == "all there are"


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("degrees", 40, 40.0),
        ("degrees", np.float32(40.5), 40.5),
        ("ducks", np.int64(3), 3),
        ("ducks", 3.0, 3),
        ("ducks", None, None),
        ("guest", "", ""),
        ("song", "do,re,mi", "do,re,mi"),
    ],
)
def test_a_value_is_taken_as_the_type_of_its_field(name: str, value: Any, taken: Any) -> None:
    found = validate(SPECS[name], value)
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("degrees", 45, "degrees must be between 30 and 44, not 45.0"),
        ("degrees", math.nan, "degrees must be between 30 and 44, not nan"),
        ("degrees", None, "degrees must be a number, not None"),
        ("ducks", 2.5, "ducks must be a whole number, not 2.5"),
        ("ducks", True, "ducks must be a whole number, not True"),
        ("ducks", 6_000_000, "ducks must be between 0 and 5,000,000, not 6000000"),
        ("salt", "rock", "salt must be one of sea, lake, not 'rock'"),
        ("song", " ", "song must not be empty"),
        ("song", "tralala", "song must look like la,la, not 'tralala'"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_a_sentence(name: str, value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        validate(SPECS[name], value)


# how a value and a rate are written


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("head_rate", 2.5e-4, "2.5e-4"),
        ("crf_rate", None, "as the head"),
        ("train_limit", 0, "all"),
        ("train_limit", 2000, "2000"),
        ("dropout", 0.5, "0.5"),
        ("clip_norm", 1.0, "1"),
        ("repair_tags", True, "yes"),
        ("repair_tags", False, "no"),
        ("encoder", "minilm", "minilm"),
        ("trackers", "", "none"),
        ("types", "", "as they are"),
        ("epochs", None, "–"),
    ],
)
def test_a_value_is_written_as_people_write_it(name: str, value: Any, text: str) -> None:
    assert format_value(run_settings()[name], value) == text


def test_words_that_stand_for_a_value_are_translated_and_choices_are_not() -> None:
    values = {"crf_rate": None, "train_limit": 0, "repair_tags": True, "downstream": "none", "dropout": 0.5}
    texts = [format_value(run_settings()[name], value, str.upper) for name, value in values.items()]
    assert texts == ["AS THE HEAD", "ALL", "YES", "none", "0.5"]


def test_every_setting_of_a_run_has_a_text() -> None:
    assert all(format_value(run_settings()[name], value) for name, value in RunConfig().as_dict().items())


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0"), (5e-5, "5e-5"), (2e-5, "2e-5"), (2.5e-4, "2.5e-4"), (0.1, "1e-1"), (1.0, "1e0"), (1e-10, "1e-10")],
)
def test_a_rate_is_written_as_people_write_it(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_a_written_rate_is_the_rate_itself_for_any_float() -> None:
    source = random.Random(0)
    for _ in range(20_000):
        (rate,) = struct.unpack("<d", source.randbytes(8))
        if math.isfinite(rate):
            assert float(format_rate(rate)) == rate


def test_a_written_rate_has_no_digit_more_than_it_needs() -> None:
    source = random.Random(0)
    for _ in range(5_000):
        digits, exponent = source.randint(1, 15), source.randint(-12, 0)
        mantissa = str(source.randint(10 ** (digits - 1), 10**digits - 1))
        text = f"{mantissa[0]}.{mantissa[1:]}".rstrip("0").rstrip(".") + f"e{exponent}"
        assert format_rate(float(text)) == text
