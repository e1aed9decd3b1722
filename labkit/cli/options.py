"""The settings of a run as options of a command, made from RunConfig's knobs."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from labkit.config import RunConfig, field_types, knobs
from labkit.i18n.translation import tr
from labkit.presets import start
from labkit.settings import Knob, show_rate

Command = TypeVar("Command", bound=Callable[..., Any])


def run_options(command: Command) -> Command:
    """Adds one option for each field of RunConfig; one that is not given arrives as None."""
    types = field_types()
    for name, knob in reversed(knobs().items()):
        kind, _ = types[name]
        flags, type_ = _flags(name, kind), _type(kind, knob)
        command = click.option(flags, name, type=type_, default=None, cls=_Setting)(command)
    return command


class _Setting(click.Option):
    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        assert self.name
        self.help = _help(self.name, knobs()[self.name])  # not before: somebody may choose another language
        return super().get_help_record(ctx)


def config_of(pair: str, preset: str, given: dict[str, Any]) -> RunConfig:
    """A pair's settings by a preset, with those given on the command line put over them.

    Raises ValueError, naming the option, for a value outside its range.
    """
    try:
        return start(pair, preset, {name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        name, _, problem = str(error).partition(" ")
        if name not in given:
            raise
        raise ValueError(f"--{name.replace('_', '-')} {problem}") from None


def _flags(name: str, kind: type) -> str:
    flag = name.replace("_", "-")
    return f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"


def _type(kind: type, knob: Knob) -> Any:
    return click.Choice(knob.choices) if knob.choices else kind


def _help(name: str, knob: Knob) -> str:
    """The knob's help, with its range, unit and default: `peak learning rate …; 0 to 0.1, by default 0.005`."""
    default = getattr(start(), name)
    shown = _shown(default, knob)
    reach = ""
    if knob.low is not None and knob.high is not None:
        reach = tr("{low} to {high}", low=f"{knob.low:g}", high=f"{knob.high:g}")
    notes = [f"{reach} {tr(knob.unit)}".strip(), shown]
    return f"{tr(knob.help)} [{', '.join(note for note in notes if note)}]".removesuffix(" []")


def _shown(default: Any, knob: Knob) -> str:
    if isinstance(default, bool):
        return tr("by default on") if default else tr("by default off")
    value = show_rate(default) if knob.scale == "log" and default is not None else str(default)
    value = tr(knob.none_text) if default is None else value
    return tr("by default {value}", value=value) if value else ""
