"""Click commands with translated help."""

import copy
from typing import TypeVar

import click

from labkit.cli.output import replace_unencodable
from labkit.i18n.translation import command_help

C = TypeVar("C", bound=click.Command)


class TranslatedCommand(click.Command):
    """A click command with translated help.

    The catalogue holds its help by the command's name, and the help of an option by the option's name.
    """

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super(TranslatedCommand, _translate_command(self)).format_help(ctx, formatter)

    def get_help(self, ctx: click.Context) -> str:
        return replace_unencodable(super().get_help(ctx))  # click writes UTF-8 where stdout is in ASCII

    def get_short_help_str(self, limit: int = 45) -> str:
        return super(TranslatedCommand, _translate_command(self)).get_short_help_str(limit)


class TranslatedGroup(click.Group):
    """A click group with translated help."""

    command_class = TranslatedCommand

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super(TranslatedGroup, _translate_command(self)).format_help(ctx, formatter)

    def get_help(self, ctx: click.Context) -> str:
        return replace_unencodable(super().get_help(ctx))


def _translate_command(command: C) -> C:
    """A copy of a command with translated help, or itself in English."""
    helps = command_help(command.name or "")
    if not helps:
        return command
    translated = copy.copy(command)
    translated.help = helps[""]
    translated.short_help = helps[""].splitlines()[0]
    translated.params = [_translate_option(parameter, helps) for parameter in command.params]
    return translated


def _translate_option(parameter: click.Parameter, helps: dict[str, str]) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.opts or parameter.opts[-1] not in helps:
        return parameter
    translated = copy.copy(parameter)
    translated.help = helps[parameter.opts[-1]]
    return translated
