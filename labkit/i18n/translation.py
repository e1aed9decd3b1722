"""Translation by gettext catalogues: English texts are the keys.

There is one language for the whole process, as it has one user. Each open lab watches `get_language()` and writes all
its texts again after a change.
"""

import gettext
import os
import re
from functools import cache
from pathlib import Path

from labkit.messages import N_, Message

LOCALES = Path(__file__).with_name("locale")  # LANGUAGE/LC_MESSAGES/labkit.po and .mo, see tools/translations.py
LANGUAGES = ("en", *sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir()))

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
        known = ", ".join(LANGUAGES)
        raise ValueError(
            Message(
                "{source} must be one of {languages}, not {language!r}",
                source=source,
                languages=known,
                language=language,
            )
        )
    return name


def language_name(language: str) -> str:
    """Name of a language in itself: `中文`."""
    return translate(language, N_("English"))  # each catalogue translates this word by its own name


def tr(text: str, /, **values: object) -> str:
    """The text in the current language, with its {placeholders} filled.

    A Message has its own values. A text that is not in the catalogue stays English.
    """
    return translate(get_language(), text, **values)


def translate(language: str, text: str, /, **values: object) -> str:
    """The text in a given language, with its {placeholders} filled; values that are Messages are translated."""
    template = text
    if isinstance(text, Message):
        template, values = text.template, {**text.values}
    translated = _catalogue(language).gettext(template) if template else ""  # "" is the key of a catalogue's header
    if not values:
        return translated
    each = values.items()
    return translated.format(**{n: translate(language, v) if isinstance(v, Message) else v for n, v in each})


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("labkit", LOCALES, [language], fallback=True)  # English has no file
