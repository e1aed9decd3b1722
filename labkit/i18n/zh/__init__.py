"""Chinese of finished English sentences, by pattern. It goes when all of them are Messages."""

from labkit.i18n.zh.corpora import CORPUS_MESSAGES
from labkit.i18n.zh.sentences import GENERAL_MESSAGES

MESSAGES = {**GENERAL_MESSAGES, **CORPUS_MESSAGES}
