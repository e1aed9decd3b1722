"""Files to sentences with tags in BIO, checked; nothing is dropped without a note.

A corpus is a file, or a folder with a `train` file and optionally `dev` and `test` files. Every input that cannot be
meant is a ValueError that names file and line and says what was expected.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from labkit import gc_pause
from labkit.data.corpus_files import CorpusFiles, combine_sha256, find_corpus, list_corpora
from labkit.data.formats import bdci, conll
from labkit.data.formats.conll import ParsedFile
from labkit.data.tags import BIO, Scheme, Span, TagBigram, bigrams, bio_tags_to_spans, detect_scheme, to_bio

__all__ = [
    "Corpus",
    "CorpusFiles",
    "Sentence",
    "Span",
    "bio_tags_to_spans",
    "find_corpus",
    "list_corpora",
    "read_corpus",
]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and their tags, one for one, the tags in BIO."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """A corpus ready to train on: every tag of `dev` and `test` occurs in `train`."""

    name: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    types: tuple[str, ...]  # sorted
    tags: tuple[str, ...]  # O first, then sorted
    scheme: str  # as found in the files
    sha256: str  # of the file; of its files' hashes where there are several
    notes: tuple[str, ...]  # what was mended, skipped or split, one sentence each


def read_corpus(
    corpus: str | Path | CorpusFiles, *, dev_share: float = 0.15, seed: int = 0, repair: bool = False
) -> Corpus:
    """Reads a corpus by its name in the menu, by the path of a file or folder, or as `find_corpus` found it.

    Args:
        dev_share: share of the sentences split off for dev where the corpus has none, above 0 and below 1.
        seed: decides which sentences these are.
        repair: mend illegal tag sequences as conlleval reads them, and count them, instead of raising; a pinned corpus
            that holds some is always mended.

    Raises ValueError, with file and line, for whatever is wrong with the input; see data/README.md for the forms read.
    """
    if not 0 < dev_share < 1:
        raise ValueError(f"dev_share must be above 0 and below 1, not {dev_share!r}")
    source = corpus if isinstance(corpus, CorpusFiles) else find_corpus(corpus)
    with gc_pause.gc_paused():  # all that is read stays: looking through it again and again took half of the time
        return _build_corpus(source, dev_share, seed, repair or source.repair)


def _build_corpus(source: CorpusFiles, dev_share: float, seed: int, repair: bool) -> Corpus:
    found = {role: _choose_reader(path)(path, shown) for role, (path, shown) in source.files.items()}
    notes = [*source.notes, *(note for part in found.values() for note in part.notes)]
    parts = {role: part for role, part in found.items() if part.sentences}
    if "train" not in parts:
        raise found["train"].error(1, f"no column {bdci.ENTITIES_COLUMN}; without it there is nothing to learn from")
    scheme, sentences, mended = _convert_to_bio(parts, repair)
    notes += mended
    _check_tags_known(parts, sentences)
    tags = sorted({tag for sentence in sentences["train"] for tag in sentence.tags} - {"O"})
    if "dev" not in sentences:
        sentences["train"], sentences["dev"], note = _split_off_dev(sentences["train"], dev_share, seed, parts["train"])
        notes.append(note)
    return Corpus(
        name=source.name,
        train=sentences["train"],
        dev=sentences["dev"],
        test=sentences.get("test", ()),
        types=tuple(sorted({tag[2:] for tag in tags})),
        tags=("O", *tags),
        scheme=scheme.name,
        sha256=combine_sha256({role: part.sha256 for role, part in found.items()}),
        notes=(*notes, *_content_notes(sentences)),
    )


def _choose_reader(path: Path) -> Callable[[Path, str], ParsedFile]:
    return bdci.read_bdci if path.suffix.lower() == ".csv" else conll.read_conll


def _convert_to_bio(
    files: Mapping[str, ParsedFile], repair: bool
) -> tuple[Scheme, dict[str, tuple[Sentence, ...]], list[str]]:
    """Recognises the scheme over all parts together and turns every sentence into BIO."""
    alike = Counter(raw.tags for part in files.values() for raw in part.sentences)
    counts: Counter[TagBigram] = Counter()
    for tags, often in alike.items():
        if often == 1:
            counts.update(bigrams(tags))  # 2.5 times as fast as one by one
        else:
            for pair in bigrams(tags):
                counts[pair] += often
    scheme, problems = detect_scheme(counts) if counts else (BIO, {})
    notes = []
    if problems:
        part, line, problem = _find_first_violation(files.values(), problems)
        if not repair:
            remedy = "correct it, or turn on “Repair tags” (--repair-tags), which mends and counts such places"
            raise part.error(line, f"illegal tag sequence: {problem}; {remedy}")
        number = sum(counts[pair] for pair in problems)
        notes.append(f"{number:,} illegal tag sequences mended, the first at {part.display_path}:{line}: {problem}.")
    bio = {pair: to_bio(*pair) for pair in counts}
    return scheme, {role: _retag_sentences(part, bio) for role, part in files.items()}, notes


def _retag_sentences(file: ParsedFile, bio: Mapping[TagBigram, str]) -> tuple[Sentence, ...]:
    done: dict[tuple[str, ...], tuple[str, ...]] = {}  # many sentences are tagged alike
    for raw in file.sentences:
        if raw.tags not in done:
            done[raw.tags] = tuple(map(bio.__getitem__, bigrams(raw.tags)))[:-1]
    return tuple(Sentence(raw.words, done[raw.tags]) for raw in file.sentences)


def _find_first_violation(
    files: Iterable[ParsedFile], problems: Mapping[TagBigram, str]
) -> tuple[ParsedFile, int, str]:
    for part in files:
        for raw in part.sentences:
            for index, pair in enumerate(bigrams(raw.tags)):
                if pair in problems:
                    return part, part.find_line(raw, min(index, len(raw.tags) - 1)), problems[pair]
    raise AssertionError("a pair that was counted is in some sentence")


def _check_tags_known(files: Mapping[str, ParsedFile], sentences: Mapping[str, tuple[Sentence, ...]]) -> None:
    known = {tag for sentence in sentences["train"] for tag in sentence.tags} | {"O"}
    for role, part in files.items():
        for raw, sentence in zip(part.sentences, sentences[role], strict=True):
            if not known.issuperset(sentence.tags):
                index, tag = next((i, tag) for i, tag in enumerate(sentence.tags) if tag not in known)
                train = files["train"].display_path
                what = f"{tag} (in BIO) occurs here, but nowhere in {train}, so it could not be learnt"
                raise part.error(part.find_line(raw, index), f"{what}; expected one of {', '.join(sorted(known))}")


def _split_off_dev(
    sentences: tuple[Sentence, ...], share: float, seed: int, file: ParsedFile
) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...], str]:
    """Train and dev drawn from one part, both in the order of the file.

    A sentence whose tag would be left without any example in train stays in train.
    """
    left = Counter(tag for sentence in sentences for tag in set(sentence.tags) - {"O"})
    wanted = max(1, round(len(sentences) * share)) if len(sentences) > 1 else 0
    order = list(range(len(sentences)))
    random.Random(seed).shuffle(order)
    chosen: set[int] = set()
    kept = 0
    for index in order:
        if len(chosen) >= min(wanted, len(sentences) - 1):
            break
        tags = set(sentences[index].tags) - {"O"}
        if any(left[tag] == 1 for tag in tags):
            kept += 1
            continue
        left.subtract(tags)
        chosen.add(index)
    if not chosen:
        raise file.error(1, "no sentence can be spared for dev; expected a dev file, or more sentences of each tag")
    note = f"{len(chosen):,} of {len(sentences):,} sentences of {file.display_path} split off for dev, drawn by seed {seed}"
    note += f"; {kept:,} drawn ones stayed in train, which would otherwise lack one of their tags." if kept else "."
    train = tuple(sentence for index, sentence in enumerate(sentences) if index not in chosen)
    return train, tuple(sentences[index] for index in sorted(chosen)), note


def _content_notes(sentences: Mapping[str, tuple[Sentence, ...]]) -> list[str]:
    texts = {role: [sentence.words for sentence in sentences.get(role, ())] for role in ("train", "dev", "test")}
    notes = [note for pair in combinations(texts, 2) for note in _overlap_notes(*pair, texts)]
    for role, part in sentences.items():
        if not any(tag != "O" for sentence in part for tag in sentence.tags):
            notes.append(f"The {role} split holds no entity: every tag is O.")
    return notes


def _overlap_notes(first: str, second: str, texts: Mapping[str, list[tuple[str, ...]]]) -> list[str]:
    """A note on the sentences that two splits share: the second's scores flatter, as the first chose the weights."""
    seen, part = set(texts[first]), texts[second]
    repeated = sum(words in seen for words in part)
    if not repeated:
        return []
    if repeated == len(part) == len(texts[first]) and sorted(part) == sorted(texts[first]):
        what = f"The {first} and {second} splits hold the same {repeated:,} sentences, word for word"
        return [f"{what}: scores on {second} are inflated."]
    what = f"{repeated:,} of {len(part):,} {second} sentences also occur in {first}, word for word"
    return [f"{what}: their scores are inflated."]
