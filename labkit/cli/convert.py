"""`labkit convert`: any corpus as CoNLL files."""

from pathlib import Path

from labkit.data.corpora import Sentence, read_corpus
from labkit.messages import Message


def convert_corpus(corpus: str, folder: Path, *, dev_share: float, repair: bool, types: str) -> tuple[Message, ...]:
    """Writes train.txt, dev.txt and test.txt into a new folder; returns the notes of reading.

    Raises ValueError for a corpus that cannot be read, and for a folder that holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(Message("{folder} is not empty; give a new folder", folder=str(folder)))
    read = read_corpus(corpus, dev_share=dev_share, repair=repair, types=types)
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        if sentences := getattr(read, split):
            text = "\n".join(map(format_sentence, sentences))
            (folder / f"{split}.txt").write_text(text, encoding="utf-8", newline="\n")
    return read.notes


def format_sentence(sentence: Sentence) -> str:
    """A word and its tag a line, separated by a tab."""
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence.words, sentence.tags, strict=True))
