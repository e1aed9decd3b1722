"""Translation by catalogue, like gettext: English texts are the keys.

There is one language for the whole process, as it has one user. Each open lab watches `get_language()` and writes all
its texts again after a change.
"""

import os
import re
from functools import cache, lru_cache
from typing import Protocol

from labkit.i18n import zh


class Catalogue(Protocol):
    """Translations into one language; a package beside this module."""

    UI_TEXTS: dict[str, str]  # by English text
    MESSAGES: dict[str, str]  # by English template
    COMMAND_HELP: dict[str, dict[str, str]]  # by command, then by option; "" is the command's own help


LANGUAGES = {"en": "English", "zh": "中文"}
_CATALOGUES: dict[str, Catalogue] = {"zh": zh}  # of all languages but English

_language: str | None = None


def get_language() -> str:
    """`en` or `zh`: chosen in this session, else from LABKIT_LANGUAGE, else English.

    Raises:
        ValueError: LABKIT_LANGUAGE names an unknown language.
    """
    return _language or _parse_language(os.environ.get("LABKIT_LANGUAGE") or "en", "LABKIT_LANGUAGE")


def set_language(language: str) -> None:
    """Set the language of all texts. Raises ValueError for one not in LANGUAGES."""
    global _language
    _language = _parse_language(language, "language")


@cache
def _parse_language(language: str, source: str) -> str:
    """Language code of a locale name: `zh` for `zh-CN` and `zh_CN.UTF-8`."""
    name = re.split(r"[-_.]", language.strip().lower())[0]
    if name not in LANGUAGES:
        raise ValueError(f"{source} must be one of {', '.join(LANGUAGES)}, not {language!r}")
    return name


def tr(text: str, **values: object) -> str:
    """The text in the current language, with its {placeholders} filled.

    A text that is not in the catalogue stays English.
    """
    return translate(get_language(), text, **values)


def translate(language: str, text: str, **values: object) -> str:
    """The text in a given language, with its {placeholders} filled."""
    translated = _CATALOGUES[language].UI_TEXTS.get(text, text) if language in _CATALOGUES else text
    return translated.format(**values) if values else translated


def translate_message(text: str) -> str:
    """A finished message in the current language: a reason, a warning, an error.

    It is recognised by the fixed parts of a template. A message without a template stays English.
    """
    language = get_language()
    return _translate_message(text, language) if language in _CATALOGUES else text


def command_help(command: str) -> dict[str, str]:
    """Help of a command and its options in the current language, by option; empty for English."""
    catalogue = _CATALOGUES.get(get_language())
    return catalogue.COMMAND_HELP.get(command, {}) if catalogue else {}


@lru_cache(1024)
def _translate_message(text: str, language: str, depth: int = 8) -> str:
    """The message in a language, and up to `depth` messages nested in it.

    The limit keeps the time linear in the length of the text.
    """
    texts = _CATALOGUES[language].UI_TEXTS
    if text in texts:
        return texts[text]
    small = text[:1].lower() + text[1:]  # older logs began every reason with a capital letter
    for template, translation in _message_templates(language) if depth else ():
        values = template.match(text)
        if values is None and small != text:
            values = template.match(small)
        if values is not None:
            inner = {name: _translate_message(value, language, depth - 1) for name, value in values.items()}
            return translation.format(**inner)
    return text


@cache
def _message_templates(language: str) -> list[tuple["_MessageTemplate", str]]:
    return [(_MessageTemplate(english), text) for english, text in _CATALOGUES[language].MESSAGES.items()]


class _MessageTemplate:
    """A message with {placeholders}: {line} matches a number, others any text."""

    def __init__(self, message: str):
        parts = re.split(r"\{(?!line\})(\w+)\}", message)  # fixed texts and names alternate
        fixed = [re.escape(part).replace(r"\{line\}", r"(?P<line>\d+)") for part in parts[::2]]
        self._names = parts[1::2]
        self._first, *self._others = map(re.compile, [*fixed[:-1], fixed[-1] + r"\Z"])

    def match(self, text: str) -> dict[str, str] | None:
        """Values of the placeholders in this text, None if no match.

        Each value is as short as possible: it ends at the nearest occurrence of the next fixed text. Backtracking would
        find no other match, and take cubic time on a long text.
        """
        matched, values = self._first.match(text), dict[str, str]()
        for name, part in zip(self._names, self._others, strict=True):
            if matched is None:
                return None
            values |= matched.groupdict()
            begin = matched.end()
            matched = part.search(text, begin + 1) if begin < len(text) else None
            values[name] = text[begin : matched.start()] if matched else ""
        return values | matched.groupdict() if matched else None
