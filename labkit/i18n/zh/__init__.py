"""Chinese catalogue: UI_TEXTS by English text, MESSAGES by English template."""

from labkit.i18n.zh.corpora import CORPUS_MESSAGES
from labkit.i18n.zh.page import PAGE_TEXTS
from labkit.i18n.zh.pictures import PLOT_TEXTS
from labkit.i18n.zh.sentences import GENERAL_MESSAGES
from labkit.i18n.zh.settings import SETTING_TEXTS
from labkit.i18n.zh.terminal import COMMAND_HELP, TERMINAL_MESSAGES, TERMINAL_TEXTS

UI_TEXTS = {**SETTING_TEXTS, **PAGE_TEXTS, **PLOT_TEXTS, **TERMINAL_TEXTS}
MESSAGES = {**GENERAL_MESSAGES, **CORPUS_MESSAGES, **TERMINAL_MESSAGES}

__all__ = ["COMMAND_HELP", "MESSAGES", "UI_TEXTS"]
