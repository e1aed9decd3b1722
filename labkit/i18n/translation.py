"""In which language the lab speaks. English texts are the keys of a catalogue, as gettext has it.

One language for the whole process, as one person sits before it: every lab that is open looks at `current()` and says
all it says again when that has changed.
"""

import os
import re
from functools import cache, lru_cache

from labkit.i18n.zh import MESSAGES, UI_TEXTS

LANGUAGES = {"en": "English", "zh": "中文"}

_language: str | None = None


def get_language() -> str:
    """`en` or `zh`: what was chosen in this session, else what LABKIT_LANGUAGE says, else English.

    Raises ValueError where LABKIT_LANGUAGE names a language that the lab does not speak.
    """
    return _language or _parse_language(os.environ.get("LABKIT_LANGUAGE") or "en", "LABKIT_LANGUAGE")


def set_language(language: str) -> None:
    """From now on everything is in this language. Raises ValueError for one that is not in LANGUAGES."""
    global _language
    _language = _parse_language(language, "language")


@cache
def _parse_language(language: str, source: str) -> str:
    """`zh` also for `zh-CN` and `zh_CN.UTF-8`."""
    name = re.split(r"[-_.]", language.strip().lower())[0]
    if name not in LANGUAGES:
        raise ValueError(f"{source} must be one of {', '.join(LANGUAGES)}, not {language!r}")
    return name


def tr(text: str, **values: object) -> str:
    """The text in the language of the lab, its {places} filled; English where the catalogue does not know it."""
    return translate(get_language(), text, **values)


def translate(language: str, text: str, **values: object) -> str:
    """The same in a given language."""
    said = UI_TEXTS.get(text, text) if language == "zh" else text
    return said.format(**values) if values else said


def translate_message(text: str) -> str:
    """A finished sentence of another room (a reason, a warning, an error) in the language of the lab.

    It is recognised by what stays the same of it; what nobody has translated yet stays English.
    """
    return _translate_message(text) if get_language() == "zh" else text


@lru_cache(1024)
def _translate_message(text: str, depth: int = 8) -> str:
    """Takes time in proportion to the text, however long; so only sentences within so many others are looked at."""
    if text in UI_TEXTS:
        return UI_TEXTS[text]
    small = text[:1].lower() + text[1:]  # older logs began every reason with a capital letter
    for template, chinese in _message_templates() if depth else ():
        found = template.match(text)
        if found is None and small != text:
            found = template.match(small)
        if found is not None:
            return chinese.format(**{name: _translate_message(value, depth - 1) for name, value in found.items()})
    return text


@cache
def _message_templates() -> list[tuple["_MessageTemplate", str]]:
    return [(_MessageTemplate(english), chinese) for english, chinese in MESSAGES.items()]


class _MessageTemplate:
    """A sentence with {places}: `{steps} steps`; a {line} is a number, anything else any text."""

    def __init__(self, sentence: str):
        parts = re.split(r"\{(?!line\})(\w+)\}", sentence)  # what stays the same and names take turns
        same = [re.escape(part).replace(r"\{line\}", r"(?P<line>\d+)") for part in parts[::2]]
        self._names = parts[1::2]
        self._first, *self._others = map(re.compile, [*same[:-1], same[-1] + r"\Z"])

    def match(self, text: str) -> dict[str, str] | None:
        """What fills the places in this text; None where it is another sentence.

        Each place is as short as can be: the next part that stays the same is the nearest one. Going back for another
        one would find nothing else, and take the third power of a long text's time.
        """
        found, values = self._first.match(text), dict[str, str]()
        for name, part in zip(self._names, self._others, strict=True):
            if found is None:
                return None
            values |= found.groupdict()
            begin = found.end()
            found = part.search(text, begin + 1) if begin < len(text) else None
            values[name] = text[begin : found.start()] if found else ""
        return values | found.groupdict() if found else None
