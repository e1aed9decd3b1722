"""Click commands with translated help."""

import copy
import inspect
from typing import TypeVar

import click

from labkit.cli.output import replace_unencodable
from labkit.i18n.translation import get_language, tr

C = TypeVar("C", bound=click.Command)


class TranslatedCommand(click.Command):
    """A click command with translated help."""

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
    if get_language() == "en":
        return command
    translated = copy.copy(command)
    translated.help = tr(inspect.cleandoc(command.help or ""))
    translated.short_help = translated.help.partition("\n")[0]
    translated.params = [_translate_option(parameter) for parameter in command.params]
    return translated


def _translate_option(parameter: click.Parameter) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    translated = copy.copy(parameter)
    translated.help = tr(parameter.help)
    return translated
