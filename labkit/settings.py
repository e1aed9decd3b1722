"""Settings: declaration, validation and formatting of dataclass fields."""

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

from labkit.messages import N_, Message

_TYPE_NAMES = {int: N_("a whole number"), float: N_("a number"), str: N_("text"), bool: N_("true or false")}
_SCIENTIFIC_ABOVE = 10**12
SETTING_GROUPS = {  # with their titles
    "rates": N_("Rates and steps"),
    "structure": N_("Structure"),
    "data": N_("Data"),
    "evaluation": N_("Evaluation"),
    "machine": N_("Machine"),
}
NO_LIMIT = 1e8  # a range that reaches so far is not told


@dataclass(frozen=True)
class Setting:
    """Declaration of one setting: label, help, range, scale, unit, choices.

    Attributes:
        group: what the setting is about.
        place: in the lab: a menu in the row above the sliders, a slider, or folded under Advanced.
        used_with: other settings and their values; with none of these the setting has no effect.
        low, high: the range, both ends included.
        scale: of a slider: `linear`, `log` (0 is allowed if `low` is 0), or `none` for text and choices.
        marks: usual values, marked at the slider.
        stops: the usual values, for a menu in this order, to which any other may be added.
        none_text, zero_text: what None or an empty text, and 0, read as.
        source: the publication that the values come from.
        pattern: a regular expression that a text must match; the help says it in words.
    """

    label: str
    help: str
    group: Literal["rates", "structure", "data", "evaluation", "machine"] = "machine"
    place: Literal["row", "slider", "advanced"] = "advanced"
    used_with: tuple[tuple[str, str], ...] = ()
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
    """Dataclass field with its `Setting` as metadata."""
    return dataclasses.field(default=default, metadata={"setting": Setting(label, help, **how)})


class FieldSpec(NamedTuple):
    """Name, type, default and setting of one field, as `validate` needs them."""

    name: str
    kind: type
    optional: bool
    default: Any
    setting: Setting


@cache
def field_specs(settings_class: type) -> tuple[FieldSpec, ...]:
    """Specs of a dataclass's fields, in the order of declaration.

    Cached, because a table of a thousand runs checks a thousand configs before it appears.
    """
    fields = dataclasses.fields(settings_class)
    return tuple(
        FieldSpec(field.name, *_unwrap_optional(field), field.default, field.metadata["setting"]) for field in fields
    )


def validate(spec: FieldSpec, value: Any) -> Any:
    """Validate a value and convert it to its field's type.

    Raises:
        ValueError: the value has the wrong type or is not allowed; the message has the field as its value `name`.
    """
    name, kind, optional, default, setting = spec
    if type(value) is kind and value == default:  # most settings of most runs
        return value
    if value is None and optional:
        return None
    value = _coerce(name, kind, value)
    if setting.choices and value not in setting.choices:
        choices = ", ".join(setting.choices)
        raise ValueError(
            Message("{name} must be one of {choices}, not {value!r}", name=name, choices=choices, value=value)
        )
    low = -math.inf if setting.low is None else setting.low
    high = math.inf if setting.high is None else setting.high
    if kind in (int, float) and not low <= value <= high:
        given = f"{value:g}" if abs(value) >= _SCIENTIFIC_ABOVE else repr(value)
        bounds = {"low": _format_bound(low), "high": _format_bound(high)}
        raise ValueError(
            Message("{name} must be between {low} and {high}, not {value}", name=name, **bounds, value=given)
        )
    if kind is str and not setting.choices and not value.strip() and default:
        raise ValueError(Message("{name} must not be empty", name=name))
    if setting.pattern and not re.fullmatch(setting.pattern, value):
        raise ValueError(
            Message("{name} must look like {example}, not {value!r}", name=name, example=default, value=value)
        )
    return value


@lru_cache(1024)
def format_rate(rate: float) -> str:
    """A rate as people write it, like `5e-5`; exact for any float.

    >>> format_rate(5e-05), format_rate(0.1), format_rate(0.00025)
    ('5e-5', '1e-1', '2.5e-4')
    """
    if rate == 0:
        return "0"
    digits = next(d for d in range(18) if float(f"{rate:.{d}e}") == rate)
    mantissa, exponent = f"{rate:.{digits}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def format_value(setting: Setting, value: Any, tr: Callable[[str], str] = str) -> str:
    """A setting's value as people write it, exact.

    `5e-5` on a log scale, `0.05` or `16` elsewhere.

    Args:
        tr: translates the words for None, 0, yes, no and an empty text; a choice stays as it is typed.
    """
    if value is None:
        return tr(setting.none_text or "–")
    if isinstance(value, bool):
        return tr("yes" if value else "no")
    if value == 0 and setting.zero_text:
        return tr(setting.zero_text)
    if setting.scale == "log":
        return format_rate(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value) or tr(setting.none_text or "none")


def _unwrap_optional(field: dataclasses.Field[Any]) -> tuple[type, bool]:
    """Type of a field, and True if it may be None: `(int, True)` for `int | None`."""
    if isinstance(field.type, types.UnionType):
        members = [member for member in typing.get_args(field.type) if member is not type(None)]
        return members[0], True
    assert isinstance(field.type, type)
    return field.type, False


def _coerce(name: str, kind: type, value: Any) -> Any:
    """The value as that type. Raises ValueError if it cannot be."""
    if type(value) is kind:  # the usual case, several times cheaper than the checks below
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):  # numpy's numbers included
        with contextlib.suppress(OverflowError, ValueError):  # infinite, or not a number
            if kind is float:
                return float(value)
            if kind is int and value == (whole := int(value)):  # type: ignore[call-overload]
                return whole
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(
        Message("{name} must be {kind}, not {value}", name=name, kind=Message(_TYPE_NAMES[kind]), value=repr(value))
    )


def _format_bound(bound: float) -> str:
    return f"{bound:g}" if abs(bound) < 1e6 else f"{bound:,.0f}"
