"""The settings of a run as options of a command, made from RunConfig's knobs."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from labkit.config import RunConfig, field_types, knobs
from labkit.knobs import Knob, show_rate
from labkit.presets import start

Command = TypeVar("Command", bound=Callable[..., Any])


def run_options(command: Command) -> Command:
    """Adds one option for each field of RunConfig; one that is not given arrives as None."""
    types = field_types()
    for name, knob in reversed(knobs().items()):
        kind, _ = types[name]
        command = click.option(_flags(name, kind), name, type=_type(kind, knob), default=None, help=_help(name, knob))(
            command
        )
    return command


def config_of(pair: str, preset: str, given: dict[str, Any]) -> RunConfig:
    """A pair's settings by a preset, with those given on the command line put over them.

    Raises ValueError, naming the field, for a value outside its range.
    """
    return start(pair, preset, {name: value for name, value in given.items() if value is not None})


def _flags(name: str, kind: type) -> str:
    flag = name.replace("_", "-")
    return f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"


def _type(kind: type, knob: Knob) -> Any:
    return click.Choice(knob.choices) if knob.choices else kind


def _help(name: str, knob: Knob) -> str:
    """The knob's help, with its range, unit and default: `peak learning rate …; 0 to 0.1, by default 0.005`."""
    default = getattr(start(), name)
    shown = _shown(default, knob)
    reach = "" if knob.low is None or knob.high is None else f"{knob.low:g} to {knob.high:g}"
    notes = [f"{reach} {knob.unit}".strip(), f"by default {shown}" if shown else ""]
    return f"{knob.help} [{', '.join(note for note in notes if note)}]".removesuffix(" []")


def _shown(default: Any, knob: Knob) -> str:
    if default is None:
        return knob.none_text
    if isinstance(default, bool):
        return "on" if default else "off"
    return show_rate(default) if knob.scale == "log" else str(default)
