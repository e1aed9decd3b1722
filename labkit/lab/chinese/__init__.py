"""The lab in Chinese: what it says by itself, by the English text, and sentences of other rooms, by their pattern."""

from labkit.lab.chinese.corpora import CORPORA
from labkit.lab.chinese.page import PAGE
from labkit.lab.chinese.pictures import PICTURES
from labkit.lab.chinese.retold import RETOLD as GENERAL
from labkit.lab.chinese.settings import SETTINGS
from labkit.lab.chinese.terminal import COMMANDS, LINES, TERMINAL

TEXTS = {**SETTINGS, **PAGE, **PICTURES, **TERMINAL}
RETOLD = {**GENERAL, **CORPORA, **LINES}

__all__ = ["COMMANDS", "RETOLD", "TEXTS"]
