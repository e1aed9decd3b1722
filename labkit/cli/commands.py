"""Commands whose help is in the language of the terminal."""

import copy
from typing import TypeVar

import click

from labkit.cli.output import replace_unencodable
from labkit.i18n.translation import get_language
from labkit.i18n.zh import COMMAND_HELP

C = TypeVar("C", bound=click.Command)


class TranslatedCommand(click.Command):
    """A command; the catalogue knows its help by its name, and that of an option by the option's."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super(TranslatedCommand, _translate_command(self)).format_help(ctx, formatter)

    def get_help(self, ctx: click.Context) -> str:
        return replace_unencodable(super().get_help(ctx))  # click writes UTF-8 where stdout is in ASCII

    def get_short_help_str(self, limit: int = 45) -> str:
        return super(TranslatedCommand, _translate_command(self)).get_short_help_str(limit)


class TranslatedGroup(click.Group):
    """The commands together."""

    command_class = TranslatedCommand

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super(TranslatedGroup, _translate_command(self)).format_help(ctx, formatter)

    def get_help(self, ctx: click.Context) -> str:
        return replace_unencodable(super().get_help(ctx))


def _translate_command(command: C) -> C:
    """A copy of a command, whose help is translated; itself in English."""
    helps = COMMAND_HELP.get(command.name or "", {}) if get_language() == "zh" else {}
    if not helps:
        return command
    spoken = copy.copy(command)
    spoken.help = helps[""]
    spoken.short_help = helps[""].splitlines()[0]
    spoken.params = [_translate_option(parameter, helps) for parameter in command.params]
    return spoken


def _translate_option(parameter: click.Parameter, helps: dict[str, str]) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.opts or parameter.opts[-1] not in helps:
        return parameter
    spoken = copy.copy(parameter)
    spoken.help = helps[parameter.opts[-1]]
    return spoken
