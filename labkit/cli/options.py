"""The settings of a run as options of a command, made from RunConfig's knobs."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from labkit.config import RunConfig, field_types, run_settings
from labkit.i18n.translation import tr
from labkit.presets import make_config
from labkit.settings import Setting, format_value

Command = TypeVar("Command", bound=Callable[..., Any])


def run_options(command: Command) -> Command:
    """Adds one option for each field of RunConfig; one that is not given arrives as None."""
    types = field_types()
    for name, knob in reversed(run_settings().items()):
        kind, _ = types[name]
        flags, type_ = _option_flags(name, kind), _option_type(kind, knob)
        command = click.option(flags, name, type=type_, default=None, cls=_SettingOption)(command)
    return command


class _SettingOption(click.Option):
    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        assert self.name
        self.help = _option_help(
            self.name, run_settings()[self.name]
        )  # not before: somebody may choose another language
        return super().get_help_record(ctx)


def config_from_options(pair: str, preset: str, overrides: dict[str, Any]) -> RunConfig:
    """A pair's settings by a preset, with those given on the command line put over them.

    Raises ValueError, naming the option, for a value outside its range.
    """
    try:
        return make_config(pair, preset, {name: value for name, value in overrides.items() if value is not None})
    except ValueError as error:
        name, _, problem = str(error).partition(" ")
        if name not in overrides:
            raise
        raise ValueError(f"--{name.replace('_', '-')} {problem}") from None


def _option_flags(name: str, kind: type) -> str:
    flag = name.replace("_", "-")
    return f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"


def _option_type(kind: type, setting: Setting) -> Any:
    return click.Choice(setting.choices) if setting.choices else kind


def _option_help(name: str, setting: Setting) -> str:
    """The knob's help, with its range, unit and default: `peak learning rate …; 0 to 0.1, by default 0.005`."""
    default = tr("by default {value}", value=format_value(setting, getattr(make_config(), name), tr))
    reach = ""
    if setting.low is not None and setting.high is not None:
        reach = tr("{low} to {high}", low=f"{setting.low:g}", high=f"{setting.high:g}")
    notes = [f"{reach} {tr(setting.unit)}".strip(), default]
    return f"{tr(setting.help)} [{', '.join(note for note in notes if note)}]"
