"""Knobs: how one setting is declared, shown and checked."""

import contextlib
import dataclasses
import math
import numbers
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

_TYPE_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_SCIENTIFIC_ABOVE = 10**12


@dataclass(frozen=True)
class Setting:
    """How one field of a dataclass of settings is shown and checked.

    `low` and `high` are inclusive. `scale` says how a slider should walk: `linear`, `log` (zero allowed
    where `low` is 0), or `none` for text and choices. `stops` are where a slider stops, in that order, instead of
    walking from low to high. `none_text` is how the value None reads, and `zero_text` how 0 does.
    `form` is what a text must be, as a regular expression; the help says it in words.
    """

    label: str
    help: str
    group: Literal["main", "advanced"] = "advanced"
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log", "none"] = "none"
    unit: str = ""
    choices: tuple[str, ...] = ()
    marks: tuple[float, ...] = ()
    stops: tuple[float, ...] = ()
    none_text: str = ""
    zero_text: str = ""
    source: str = ""
    pattern: str = ""


def setting(default: Any, label: str, help: str, **how: Any) -> Any:
    """A dataclass field that carries its Knob."""
    return dataclasses.field(default=default, metadata={"setting": Setting(label, help, **how)})


class FieldSpec(NamedTuple):
    """What a value of a field is checked by."""

    name: str
    kind: type
    optional: bool
    default: Any
    setting: Setting


@cache
def field_specs(settings_class: type) -> tuple[FieldSpec, ...]:
    """Of a dataclass made of knobs, in the order of declaration.

    Found out once: a table of a thousand runs checks a thousand configs before it is shown.
    """
    fields = dataclasses.fields(settings_class)
    return tuple(
        FieldSpec(field.name, *_unwrap_optional(field), field.default, field.metadata["setting"]) for field in fields
    )


def validate(spec: FieldSpec, value: Any) -> Any:
    """The value as the type of its field; a ValueError, naming the field, where it breaks the rule."""
    name, kind, optional, default, knob = spec
    if type(value) is kind and value == default:  # most settings of most runs
        return value
    if value is None and optional:
        return None
    value = _coerce(name, kind, value)
    if knob.choices and value not in knob.choices:
        raise ValueError(f"{name} must be one of {', '.join(knob.choices)}, not {value!r}")
    if kind in (int, float) and not _is_in_range(knob, value):
        told = f"{value:g}" if abs(value) >= _SCIENTIFIC_ABOVE else repr(value)
        raise ValueError(f"{name} must be between {_format_bound(knob.low)} and {_format_bound(knob.high)}, not {told}")
    if kind is str and not knob.choices and not value.strip() and default:
        raise ValueError(f"{name} must not be empty")
    if knob.pattern and not re.fullmatch(knob.pattern, value):
        raise ValueError(f"{name} must be such as {default}, not {value!r}")
    return value


@lru_cache(1024)
def format_rate(rate: float) -> str:
    """A rate as people write it: `5e-5`, `2.5e-4`, `0`; exact for any float.

    >>> show_rate(5e-05), show_rate(0.1), show_rate(0.00025)
    ('5e-5', '1e-1', '2.5e-4')
    """
    if rate == 0:
        return "0"
    digits = next(d for d in range(18) if float(f"{rate:.{d}e}") == rate)
    mantissa, exponent = f"{rate:.{digits}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def format_value(setting: Setting, value: Any, translate: Callable[[str], str] = str) -> str:
    """A setting's value as people write it, exact: `5e-5` on a log scale, `0.05` or `16` elsewhere.

    Args:
        translate: translates the words for None, 0, yes, no and an empty text; a choice stays as it is typed.
    """
    if value is None:
        return translate(setting.none_text or "–")
    if isinstance(value, bool):
        return translate("yes" if value else "no")
    if value == 0 and setting.zero_text:
        return translate(setting.zero_text)
    if setting.scale == "log":
        return format_rate(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value) or translate("none")


def _unwrap_optional(field: dataclasses.Field[Any]) -> tuple[type, bool]:
    if isinstance(field.type, types.UnionType):
        members = [member for member in typing.get_args(field.type) if member is not type(None)]
        return members[0], True
    assert isinstance(field.type, type)
    return field.type, False


def _coerce(name: str, kind: type, value: Any) -> Any:
    if type(value) is kind:  # as nearly always, and several times cheaper than what follows
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):  # numpy's numbers among them
        with contextlib.suppress(OverflowError, ValueError):  # infinite, or not a number
            if kind is float:
                return float(value)
            if kind is int and value == (whole := int(value)):  # type: ignore[call-overload]
                return whole
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"{name} must be {_TYPE_NAMES[kind]}, not {value!r}")


def _format_bound(bound: float | None) -> str:
    return f"{bound:g}" if bound is not None and abs(bound) < 1e6 else f"{bound:,.0f}"


def _is_in_range(setting: Setting, value: float) -> bool:
    if math.isnan(value):
        return False
    return (setting.low is None or value >= setting.low) and (setting.high is None or value <= setting.high)
