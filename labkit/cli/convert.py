"""`labkit convert`: any corpus as CoNLL files."""

import re
from pathlib import Path

from labkit.data.corpora import Sentence, read_corpus
from labkit.messages import N_, Message

SPACE = "\u3000"  # full-width space, a word in CoNLL files


def convert_corpus(corpus: str, folder: Path, *, dev_share: float, repair: bool, types: str) -> tuple[Message, ...]:
    """Writes train.txt, dev.txt and test.txt into a new folder; returns the notes of reading.

    Raises ValueError for a corpus that cannot be read, and for a folder that holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(Message("{folder} is not empty; give a new folder", folder=str(folder)))
    read = read_corpus(corpus, dev_share=dev_share, repair=repair, types=types)
    folder.mkdir(parents=True, exist_ok=True)
    spaces = 0
    for split in ("train", "dev", "test"):
        if sentences := getattr(read, split):
            spaces += sum(not word.strip() for sentence in sentences for word in sentence.words if word != SPACE)
            text = "\n".join(map(format_sentence, sentences))
            (folder / f"{split}.txt").write_text(text, encoding="utf-8", newline="\n")
    text = N_("{count:,} words of white space are written as a full-width space.")
    return (*read.notes, *([Message(text, count=spaces)] if spaces else []))


def format_sentence(sentence: Sentence) -> str:
    """A word and its tag a line, separated by a tab. White space alone becomes SPACE."""
    words = (re.sub(r"[\t\r\n]+", " ", word).strip(" ") or SPACE for word in sentence.words)
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(words, sentence.tags, strict=True))
