"""Recogniser of finished English sentences. It goes when all of them are Messages: then `tr` does all of this."""

import re
from functools import cache, lru_cache

from labkit.i18n import zh
from labkit.i18n.translation import get_language, translate
from labkit.messages import Message


def translate_message(text: str) -> str:
    """A finished message in the current language: a Message by its template, any other text by the patterns below."""
    language = get_language()
    if language == "en" or (isinstance(text, Message) and text.values):
        return translate(language, text)
    return _translate_message(str(text))


@lru_cache(1024)
def _translate_message(text: str, depth: int = 8) -> str:
    """The message in Chinese, and up to `depth` messages nested in it.

    The limit keeps the time linear in the length of the text.
    """
    if (translated := translate("zh", text)) != text:
        return translated
    small = text[:1].lower() + text[1:]  # older logs began every reason with a capital letter
    for template, translation in _message_templates() if depth else ():
        values = template.match(text)
        if values is None and small != text:
            values = template.match(small)
        if values is not None:
            return translation.format(**{name: _translate_message(value, depth - 1) for name, value in values.items()})
    return text


@cache
def _message_templates() -> list[tuple["_MessageTemplate", str]]:
    return [(_MessageTemplate(english), text) for english, text in zh.MESSAGES.items()]


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
