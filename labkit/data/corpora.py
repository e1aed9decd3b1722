"""Corpus reader: files to checked sentences with BIO tags, nothing dropped silently.

A corpus is a file, or a folder with a `train` file and optionally `dev` and `test` files. Whatever is left out or
repaired becomes a note. Every invalid input is a ValueError with file, line and what was expected.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

from labkit.data.corpus_files import CorpusFiles, combine_sha256, find_corpus, list_corpora
from labkit.data.formats import format_name, format_of
from labkit.data.formats.parsed_file import NOT_SCORED, ParsedFile
from labkit.data.formats.text_lines import EncodingError
from labkit.data.sense_checks import MANY_SHARED, check_sense, is_placeholder, missing_blank_lines, sentences_as_words
from labkit.data.tags import BIO, IO, Scheme, Span, TagBigram, bigrams, bio_tags_to_spans, detect_scheme, to_bio
from labkit.data.type_mapping import OTHERS, map_tag, map_type, parse_type_mapping
from labkit.gc_pause import gc_paused
from labkit.messages import N_, Message, message_of

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


MAX_SHOWN = 3  # files in a note


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and their BIO tags, one tag per word."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Corpus ready to train on. `tags` are those of all splits; a note names those that `train` has not."""

    name: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    types: tuple[str, ...]  # sorted
    tags: tuple[str, ...]  # O first, then sorted
    scheme: str  # as found in the files
    sha256: str  # of the file; if there are several, of their hashes
    formats: Mapping[str, str]  # of each file, by the path that messages show
    notes: tuple[Message, ...]  # what was repaired, skipped or split, one sentence each
    warnings: tuple[Message, ...] = ()  # what its owner hardly means, see sense_checks.py


def read_corpus(
    corpus: str | Path | CorpusFiles,
    *,
    dev_share: float = 0.15,
    seed: int = 0,
    repair: bool = False,
    types: str = "",
) -> Corpus:
    """Reads a corpus by name, path or the result of `find_corpus`.

    Args:
        corpus: name in the menu, path of a file or folder, or result of `find_corpus`.
        dev_share: share of the sentences split off for dev if the corpus has none, above 0 and below 1.
        seed: decides which sentences these are.
        repair: repair illegal tag sequences as conlleval reads them, and count them, instead of raising; always on for
            a pinned corpus that is known to have some.
        types: types to rename, merge or drop in all splits, such as `PERSON=PER, GPE=LOC, DATE=`; `*` stands for those
            not named.

    Raises ValueError, with file and line, for any invalid input; docs/corpora.md lists the formats.
    """
    if not 0 < dev_share < 1:
        raise ValueError(Message("dev_share must be above 0 and below 1, not {value}", value=dev_share))
    mapping = parse_type_mapping(types)
    source = corpus if isinstance(corpus, CorpusFiles) else find_corpus(corpus)
    with gc_paused():  # nothing read becomes garbage: scanning it repeatedly took half of the time
        return _build_corpus(source, dev_share, seed, repair or source.repair, mapping)


def _build_corpus(source: CorpusFiles, dev_share: float, seed: int, repair: bool, mapping: Mapping[str, str]) -> Corpus:
    parsed = _read_files(source)
    notes = [*source.notes, *(note for files in parsed.values() for file in files for note in file.notes)]
    labelled = {split: with_labels for split, files in parsed.items() if (with_labels := _with_labels(files))}
    if "train" not in labelled:
        train = parsed["train"][0]
        assert train.missing_labels, "told by every format that lets a file without sentences pass"
        raise train.error(train.unlabelled[0].line if train.unlabelled else 1, train.missing_labels)
    scheme, sentences, tag_notes = _convert_to_bio(labelled, repair, mapping)
    notes += tag_notes
    if is_placeholder(sentences.get("test", ()), sentences["train"]):
        problem = Message("every tag is {tag}", tag=sentences["test"][0].tags[0])
        notes.append(Message(NOT_SCORED, file=labelled.pop("test")[0].display_path, problem=problem))
        del sentences["test"]
    notes += _unlearnable_notes(labelled, sentences)
    tags = sorted({tag for of_split in sentences.values() for sentence in of_split for tag in sentence.tags} - {"O"})
    warnings = [
        Message("the {split} split: {problem}", split=Message(split), problem=problem)
        for split, members in sentences.items()
        for problem in check_sense(members)
    ]
    is_drawn = "dev" not in sentences
    if is_drawn:
        sentences["train"], sentences["dev"], note = _split_off_dev(
            sentences["train"], dev_share, seed, labelled["train"]
        )
        notes.append(note)
    warnings += filter(None, map(missing_blank_lines, chain.from_iterable(labelled.values())))
    warnings += _entity_warnings(sentences, is_drawn)
    for note, share in _shared_sentences(sentences, is_drawn):
        (warnings if share >= MANY_SHARED else notes).append(note)
    formats = {
        one.display_path: file.json_shape or format_name(one.path)
        for split, of_split in source.files.items()
        for one, file in zip(of_split, parsed[split], strict=True)
    }
    return Corpus(
        name=source.name,
        train=sentences["train"],
        dev=sentences["dev"],
        test=sentences.get("test", ()),
        types=tuple(sorted({tag[2:] for tag in tags})),
        tags=("O", *tags),
        scheme=scheme.name,
        sha256=combine_sha256({split: [file.sha256 for file in files] for split, files in parsed.items()}),
        formats=formats,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _read_files(source: CorpusFiles) -> dict[str, list[ParsedFile]]:
    """Parsed files by split. Encoding problems of all files are raised together, after any other problem."""
    parsed: dict[str, list[ParsedFile]] = {split: [] for split in source.files}
    problems: list[tuple[str, EncodingError]] = []
    for split, files in source.files.items():
        for file in files:
            try:
                parsed[split].append(format_of(file.path).read(file.path, file.display_path))
            except EncodingError as error:
                problems.append((file.display_path, error))
    if len(problems) > 1:
        others = ", ".join(path for path, _ in problems[1:])
        raise ValueError(Message("{problem} (likewise: {files})", problem=message_of(problems[0][1]), files=others))
    for _, problem in problems:
        raise problem
    return parsed


def _with_labels(files: Sequence[ParsedFile]) -> list[ParsedFile]:
    """Files that have a labelled sentence."""
    return [file for file in files if file.sentences]


def _convert_to_bio(
    files: Mapping[str, Sequence[ParsedFile]], repair: bool, mapping: Mapping[str, str]
) -> tuple[Scheme, dict[str, tuple[Sentence, ...]], list[Message]]:
    """Detects the scheme over all splits together, converts to BIO and maps the types."""
    all_files = list(chain.from_iterable(files.values()))
    sequences = Counter(raw.tags for file in all_files for raw in file.sentences)
    counts: Counter[TagBigram] = Counter()
    for tags, number in sequences.items():
        if number == 1:
            counts.update(bigrams(tags))  # 2.5 times as fast as one by one
        else:
            for pair in bigrams(tags):
                counts[pair] += number
    scheme, problems = detect_scheme(counts) if counts else (BIO, {})
    notes = []
    if scheme is IO:
        text = N_("No tag begins with B-: read as IO, in which neighbours of one type are one entity.")
        notes.append(Message(text))
    if problems:
        file, line, problem = _find_first_violation(all_files, problems)
        if not repair:
            text = N_(
                "illegal tag sequence: {problem}; correct it, or turn on “Repair tags” (--repair-tags), which mends "
                "and counts such places"
            )
            other = _find_file_without_beginnings(all_files)
            if other:
                text = N_(
                    "illegal tag sequence: {problem}. No tag of {file} begins with B-, as of types alone, but tags of "
                    "other files do: turn on “Repair tags” (--repair-tags), which reads both"
                )
            raise file.error(line, Message(text, problem=problem, file=other))
        number = sum(counts[pair] for pair in problems)
        text = N_("{count:,} illegal tag sequences mended, the first at {file}:{line}: {problem}.")
        notes.append(Message(text, count=number, file=file.display_path, line=line, problem=problem))
    bio = {pair: to_bio(*pair) for pair in counts}
    notes += _mapping_notes(bio, counts, mapping)
    bio = {pair: map_tag(tag, mapping) for pair, tag in bio.items()}
    bio_tags = {tags: tuple(map(bio.__getitem__, bigrams(tags)))[:-1] for tags in sequences}
    sentences = {
        split: tuple(Sentence(raw.words, bio_tags[raw.tags]) for file in of_split for raw in file.sentences)
        for split, of_split in files.items()
    }
    return scheme, sentences, notes


def _mapping_notes(
    bio: Mapping[TagBigram, str], counts: Mapping[TagBigram, int], mapping: Mapping[str, str]
) -> list[Message]:
    """Note on the types that a mapping changes. Raises ValueError if it names one that the corpus has not."""
    entities: Counter[str] = Counter()
    for pair, tag in bio.items():
        if tag.startswith("B-"):
            entities[tag[2:]] += counts[pair]
    if unknown := [name for name in mapping if name not in entities and name != OTHERS]:
        known = ", ".join(f"{name} ({count:,})" for name, count in entities.most_common())
        text = N_("{name}: the corpus has no {unknown}, but {known}")
        raise ValueError(Message(text, name="types", unknown=", ".join(unknown), known=known or "–"))
    changes = [
        f"{name} → {new or 'O'} ({count:,})"
        for name, count in entities.most_common()
        if (new := map_type(name, mapping)) != name
    ]
    return [Message("Types changed, with their entities: {changes}.", changes=", ".join(changes))] if changes else []


def _find_file_without_beginnings(files: Iterable[ParsedFile]) -> str:
    """First file in which entities do not begin with B-; empty if they do in all or none."""
    letters = {file.display_path: {tag[0] for raw in file.sentences for tag in raw.tags} - {"O"} for file in files}
    without = [path for path, found in letters.items() if found == {"I"}]
    return without[0] if without and any("B" in found for found in letters.values()) else ""


def _find_first_violation(
    files: Iterable[ParsedFile], problems: Mapping[TagBigram, Message]
) -> tuple[ParsedFile, int, Message]:
    for file in files:
        for raw in file.sentences:
            for index, pair in enumerate(bigrams(raw.tags)):
                if pair in problems:
                    return file, file.find_line(raw, min(index, len(raw.tags) - 1)), problems[pair]
    raise AssertionError("a pair that was counted is in some sentence")


def _unlearnable_notes(
    files: Mapping[str, Sequence[ParsedFile]], sentences: Mapping[str, tuple[Sentence, ...]]
) -> Iterator[Message]:
    """Notes on tags of dev or test that train has not: one for each split."""
    known = {tag for sentence in sentences["train"] for tag in sentence.tags} | {"O"}
    for split, of_split in files.items():
        raw_sentences = ((file, raw) for file in of_split for raw in file.sentences)
        unknown = [
            (file, raw, index, tag)
            for (file, raw), sentence in zip(raw_sentences, sentences[split], strict=True)
            if not known.issuperset(sentence.tags)
            for index, tag in enumerate(sentence.tags)
            if tag not in known
        ]
        if unknown:
            file, raw, index, _ = unknown[0]
            text = N_(
                "{file}:{line}: the {split} split has {count:,} words with tags that train has not, {tags}: they "
                "cannot be learnt, and count as missed."
            )
            tags = ", ".join(sorted({tag for *_, tag in unknown}))
            shown, line = file.locate(file.find_line(raw, index))
            yield Message(text, file=shown, line=line, split=Message(split), count=len(unknown), tags=tags)


def _split_off_dev(
    sentences: tuple[Sentence, ...], share: float, seed: int, files: Sequence[ParsedFile]
) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...], Message]:
    """Random split into train and dev, in file order, and its note.

    A sentence with the last example of a tag stays in train.
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
        text = N_("no sentence can be spared for dev; expected a dev file, or more sentences of each tag")
        if len(sentences) == 1 and files[0].one_word_per_line:
            text = N_("all is one sentence, of {count:,} words; expected a blank line between sentences, or a dev file")
        problem = sentences_as_words([sentence.words for sentence in sentences])
        raise files[0].error(1, problem or Message(text, count=len(sentences[0].words)))
    text = N_("{count:,} of {all:,} sentences of {file} split off for dev, drawn by seed {seed}.")
    if kept:
        text = N_(
            "{count:,} of {all:,} sentences of {file} split off for dev, drawn by seed {seed}; {kept:,} drawn ones "
            "stayed in train, which would otherwise lack one of their tags."
        )
    shown = ", ".join(file.display_path for file in files[:MAX_SHOWN]) + (" …" if len(files) > MAX_SHOWN else "")
    note = Message(text, count=len(chosen), all=len(sentences), file=shown, seed=seed, kept=kept)
    train = tuple(sentence for index, sentence in enumerate(sentences) if index not in chosen)
    return train, tuple(sentences[index] for index in sorted(chosen)), note


def _entity_warnings(sentences: Mapping[str, Sequence[Sentence]], is_drawn: bool) -> Iterator[Message]:
    """Warnings of splits without an entity."""
    for split, members in sentences.items():
        if not any(tag != "O" for sentence in members for tag in sentence.tags):
            text = N_("the {split} split holds no entity, every tag is O: do its tags stand in another column or file?")
            if split == "dev" and is_drawn:
                text = N_("the {split} split, which was split off from train, holds no entity: add a dev file")
            yield Message(text, split=Message(split))


def _shared_sentences(sentences: Mapping[str, Sequence[Sentence]], is_drawn: bool) -> Iterator[tuple[Message, float]]:
    """Notes on sentences that two splits share, and their share of the second, whose scores they inflate.

    Scores on dev are inflated by train, and those on test also by dev, as dev chose the weights.
    """
    splits = N_(("train", "dev", "test"))
    words = {split: [sentence.words for sentence in sentences.get(split, ())] for split in splits}
    for first, second in combinations(words, 2):
        seen, members = set(words[first]), words[second]
        repeated = sum(sentence in seen for sentence in members)
        text = N_(
            "{count:,} of {all:,} {second} sentences also occur in {first}, word for word: their scores are inflated."
        )
        if repeated == len(members) == len(words[first]) and sorted(members) == sorted(words[first]):
            text = N_(
                "The {first} and {second} splits hold the same {count:,} sentences, word for word: scores on {second} "
                "mean nothing. Give it other ones, or take its file away."
            )
            if second == "dev" and is_drawn:
                text = N_(
                    "The {first} split and the {second} split, which was split off from it, hold the same {count:,} "
                    "sentences, word for word: scores on {second} mean nothing. Write each once, or add a dev file."
                )
        if repeated:
            names = {"first": Message(first), "second": Message(second)}
            yield Message(text, count=repeated, all=len(members), **names), repeated / len(members)
