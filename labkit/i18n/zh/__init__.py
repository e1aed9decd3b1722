"""The lab in Chinese: what it says by itself, by the English text, and sentences of other rooms, by their pattern."""

from labkit.i18n.zh.corpora import CORPORA
from labkit.i18n.zh.page import PAGE
from labkit.i18n.zh.pictures import PICTURES
from labkit.i18n.zh.sentences import RETOLD as GENERAL
from labkit.i18n.zh.settings import SETTINGS
from labkit.i18n.zh.terminal import COMMANDS, LINES, TERMINAL

TEXTS = {**SETTINGS, **PAGE, **PICTURES, **TERMINAL}
RETOLD = {**GENERAL, **CORPORA, **LINES}

__all__ = ["COMMANDS", "RETOLD", "TEXTS"]
