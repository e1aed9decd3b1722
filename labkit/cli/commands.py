"""Click commands with translated help."""

import copy
import inspect

import click

from labkit.cli.output import replace_unencodable
from labkit.i18n.translation import tr


class TranslatedCommand(click.Command):
    """A click command with translated help."""

    def get_help(self, ctx: click.Context) -> str:
        text = super(TranslatedCommand, self._translate()).get_help(ctx)
        return replace_unencodable(text)  # click writes UTF-8 where stdout is in ASCII

    def get_short_help_str(self, limit: int = 45) -> str:
        return super(TranslatedCommand, self._translate()).get_short_help_str(limit)

    def _translate(self) -> "TranslatedCommand":
        """A copy with translated help."""
        translated = copy.copy(self)
        translated.help = tr(inspect.cleandoc(self.help or ""))
        translated.params = [copy.copy(parameter) for parameter in self.params]
        for parameter in translated.params:
            if isinstance(parameter, click.Option) and parameter.help:
                parameter.help = tr(parameter.help)
        return translated


class TranslatedGroup(TranslatedCommand, click.Group):
    """A click group with translated help."""

    command_class = TranslatedCommand
