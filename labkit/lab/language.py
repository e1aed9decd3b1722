"""In which language the lab speaks. English texts are the keys of a catalogue, as gettext has it.

One language for the whole process, as one person sits before it: every lab that is open looks at `current()` and says
all it says again when that has changed.
"""

import os
import re
from functools import cache, lru_cache

from labkit.lab.chinese import RETOLD, TEXTS

LANGUAGES = {"en": "English", "zh": "中文"}

_chosen: str | None = None


def current() -> str:
    """`en` or `zh`: what was chosen in this session, else what LABKIT_LANGUAGE says, else English.

    Raises ValueError where LABKIT_LANGUAGE names a language that the lab does not speak.
    """
    return _chosen or _known(os.environ.get("LABKIT_LANGUAGE") or "en", "LABKIT_LANGUAGE")


def choose(language: str) -> None:
    """From now on everything is in this language. Raises ValueError for one that is not in LANGUAGES."""
    global _chosen
    _chosen = _known(language, "language")


@cache
def _known(language: str, told_by: str) -> str:
    """`zh` also for `zh-CN` and `zh_CN.UTF-8`."""
    name = re.split(r"[-_.]", language.strip().lower())[0]
    if name not in LANGUAGES:
        raise ValueError(f"{told_by} must be one of {', '.join(LANGUAGES)}, not {language!r}")
    return name


def tr(text: str, **values: object) -> str:
    """The text in the language of the lab, its {places} filled; English where the catalogue does not know it."""
    return told_in(current(), text, **values)


def told_in(language: str, text: str, **values: object) -> str:
    """The same in a given language."""
    said = TEXTS.get(text, text) if language == "zh" else text
    return said.format(**values) if values else said


def retold(text: str) -> str:
    """A finished sentence of another room (a reason, a warning, an error) in the language of the lab.

    It is recognised by what stays the same of it; what nobody has translated yet stays English.
    """
    return _retold(text) if current() == "zh" else text


@lru_cache(1024)
def _retold(text: str) -> str:
    if text in TEXTS:
        return TEXTS[text]
    small = text[:1].lower() + text[1:]  # older logs began every reason with a capital letter
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(text) or pattern.fullmatch(small):
            return chinese.format(**{name: _retold(value) for name, value in found.groupdict().items()})
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(english), re.DOTALL), chinese) for english, chinese in RETOLD.items()]


def _pattern(template: str) -> str:
    """`{steps} steps` → what matches any sentence made of it; a `{line}` is a number."""
    parts = re.split(r"\{(\w+)\}", template)  # literal texts and names take turns
    kinds = [r"\d+" if part == "line" else ".+?" for part in parts]
    found = zip(parts, kinds, strict=True)
    return "".join(f"(?P<{part}>{kind})" if place % 2 else re.escape(part) for place, (part, kind) in enumerate(found))
