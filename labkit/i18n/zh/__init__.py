"""Chinese of finished English sentences, by pattern. It goes when all of them are Messages."""

from labkit.i18n.zh.sentences import GENERAL_MESSAGES

MESSAGES = {**GENERAL_MESSAGES}
