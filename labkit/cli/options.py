"""Command-line options for all settings of a run, made from RunConfig, and their help in groups."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from labkit.cli.commands import TranslatedCommand
from labkit.config import RunConfig, field_types, run_settings
from labkit.i18n.translation import tr
from labkit.messages import N_, Message, message_of
from labkit.presets import make_config
from labkit.settings import NO_LIMIT, SETTING_GROUPS, Setting, format_value

Command = TypeVar("Command", bound=Callable[..., Any])

_GROUP_HEADINGS = {"main": N_("Everyday options"), **SETTING_GROUPS, "other": N_("Other options")}


class SettingsCommand(TranslatedCommand):
    """Command whose help groups the settings, those for every day first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records: dict[str, list[tuple[str, str]]] = {group: [] for group in _GROUP_HEADINGS}
        own_group = "main"  # of options that are no settings: some stand before the settings, some behind
        for option in self.get_params(ctx):
            group = own_group
            if isinstance(option, _SettingOption):
                is_advanced = option.setting.place == "advanced"
                group, own_group = option.setting.group if is_advanced else "main", "other"
            if record := option.get_help_record(ctx):
                records[group].append(record)
        for group, heading in _GROUP_HEADINGS.items():
            with formatter.section(tr(heading)):
                formatter.write_dl(records[group])


def run_options(command: Command) -> Command:
    """Add an option for each field of RunConfig. Its default is None."""
    types = field_types()
    for name, setting in reversed(run_settings().items()):
        kind, _ = types[name]
        flag = name.replace("_", "-")
        flags = f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"
        type_: Any = click.Choice(setting.choices) if setting.choices else kind
        command = click.option(flags, name, type=type_, default=None, cls=_SettingOption)(command)
    return command


class _SettingOption(click.Option):
    @property
    def setting(self) -> Setting:
        assert self.name
        return run_settings()[self.name]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The setting's help with range, unit and default: `… [0 to 0.1, by default 0.005]`."""
        assert self.name
        setting, default = self.setting, getattr(make_config(), self.name)
        notes = [tr("by default {value}", value=format_value(setting, default, tr))]
        if setting.zero_text:
            notes.insert(0, tr("0 is {meaning}", meaning=tr(setting.zero_text)))
        if setting.low is not None and setting.high is not None and setting.high < NO_LIMIT:
            span = tr("{low} to {high}", low=f"{setting.low:g}", high=f"{setting.high:g}")
            notes.insert(0, f"{span} {tr(setting.unit)}".strip())
        self.help = f"{tr(setting.help)} [{', '.join(notes)}]"  # only now, as the language may change before
        return super().get_help_record(ctx)


def config_from_options(pair: str, preset: str, overrides: dict[str, Any]) -> RunConfig:
    """Config from a starter pair, a preset and options over them.

    Raises:
        ValueError: a value is outside its range; the message names the option.
    """
    try:
        return make_config(pair, preset, {name: value for name, value in overrides.items() if value is not None})
    except ValueError as error:
        message = message_of(error)
        name = str(message.values.get("name"))
        if name not in overrides:
            raise
        option = {"name": f"--{name.replace('_', '-')}"}
        raise ValueError(Message(message.template, **{**message.values, **option})) from None
