"""`labkit convert`: any corpus as CoNLL files."""

import re
from collections.abc import Sequence
from pathlib import Path

from labkit.data.corpora import Corpus, Sentence, find_corpus, read_corpus
from labkit.data.corpus_files import SourceFile
from labkit.data.formats import format_of
from labkit.data.word_splitting import detect_granularity, split_text
from labkit.messages import N_, Message

SPACE = "\u3000"  # full-width space, a word in CoNLL files
NO_TAG = "_"  # a file of these alone is read as one that is not scored


def convert_corpus(corpus: str, folder: Path, *, dev_share: float, repair: bool, types: str) -> tuple[Message, ...]:
    """Writes train.txt, dev.txt and test.txt into a new folder; returns the notes of reading.

    Raises ValueError for a corpus that cannot be read, and for a folder that holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(Message("{folder} is not empty; give a new folder", folder=str(folder)))
    files = find_corpus(corpus)
    read = read_corpus(files, dev_share=dev_share, repair=repair, types=types)
    splits = {
        "train": read.train,
        "dev": read.dev,
        "test": read.test or _without_tags(read, files.files.get("test", ())),
    }
    folder.mkdir(parents=True, exist_ok=True)
    spaces = changed = 0
    for split, sentences in splits.items():
        if sentences:
            words = [word for sentence in sentences for word in sentence.words if word != format_word(word)]
            spaces += sum(not word.strip() for word in words)
            changed += sum(bool(word.strip()) for word in words)
            text = "\n".join(map(format_sentence, sentences))
            (folder / f"{split}.txt").write_text(text, encoding="utf-8", newline="\n")
    notes = []
    if splits["test"] and not read.test:
        text = N_("The test split, which is not scored, is written with {tag} for its tags.")
        notes.append(Message(text, tag=NO_TAG))
    if spaces:
        text = N_("{count:,} words of white space are written as a full-width space.")
        notes.append(Message(text, count=spaces))
    if changed:
        text = N_(
            "{count:,} words are written as CoNLL can hold them: without spaces at their ends, with a space for tabs "
            "and line ends inside, DOCSTART for -DOCSTART-."
        )
        notes.append(Message(text, count=changed))
    return (*read.notes, *notes)


def format_sentence(sentence: Sentence) -> str:
    """A word and its tag a line, separated by a tab."""
    return "".join(f"{format_word(word)}\t{tag}\n" for word, tag in zip(sentence.words, sentence.tags, strict=True))


def format_word(word: str) -> str:
    """The word as a line of CoNLL can hold it; SPACE for white space alone."""
    word = re.sub("^-DOCSTART-", "DOCSTART", re.sub(r"[\t\r\n]+", " ", word).strip(" "))  # else a document line
    return word or SPACE


def _without_tags(corpus: Corpus, files: Sequence[SourceFile]) -> tuple[Sentence, ...]:
    """Sentences of files without labels, split into words as the corpus is."""
    granularity = detect_granularity(sentence.words for sentence in corpus.train)
    sentences: list[tuple[str, ...]] = []
    for file in files:
        parsed = format_of(file.path).read(file.path, file.display_path)
        lines = [line for one in parsed.texts for line in split_text(one.text, granularity)]
        sentences += [tuple(word.word for word in line) for line in lines]
        if not parsed.texts:
            sentences += [one.words for one in parsed.sentences or parsed.unlabelled]
    return tuple(Sentence(words, (NO_TAG,) * len(words)) for words in sentences)
