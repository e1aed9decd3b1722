"""`labkit check`: what would be read of a corpus, and whether it could be trained on."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from labkit.data.corpora import Corpus, bio_tags_to_spans, find_corpus, read_corpus
from labkit.data.formats import format_name
from labkit.i18n.translation import tr
from labkit.messages import message_of

SPLITS = ("train", "dev", "test")


def check_corpus(corpus: str, *, dev_share: float, repair: bool) -> dict[str, Any]:
    """Facts of a corpus as JSON values: files, sentences, words, entities by type, notes; or the problem."""
    facts: dict[str, Any] = {"corpus": corpus, "files": {}, "splits": {}, "warnings": [], "notes": [], "problem": None}
    try:
        source = find_corpus(corpus)
        facts["files"] = {
            split: [{"file": one.display_path, "format": format_name(one.path)} for one in sources]
            for split, sources in source.files.items()
        }
        read = read_corpus(source, dev_share=dev_share, repair=repair)
    except ValueError as problem:
        facts["problem"] = message_of(problem)
        return facts
    return facts | {
        "scheme": read.scheme,
        "splits": {split: _count(read, split) for split in SPLITS if getattr(read, split)},
        "warnings": list(read.warnings),
        "notes": list(read.notes),
    }


def check_lines(facts: dict[str, Any]) -> Iterator[str]:
    """The same facts in words."""
    for split, files in facts["files"].items():
        for one in files:
            yield tr("{split}: {file}, read as {format}", split=tr(split), file=one["file"], format=one["format"])
    if facts["problem"]:
        yield tr("cannot be trained on: {problem}", problem=tr(facts["problem"]))
        return
    for split, counts in facts["splits"].items():
        sizes = {name: f"{counts[name]:,}" for name in ("sentences", "words")}
        types = ", ".join(f"{name} {count:,}" for name, count in counts["entities"].items())
        yield tr("{split}: {sentences} sentences, {words} words; {types}", split=tr(split), types=types or "–", **sizes)
    yield from (tr("does this make sense? {warning}", warning=tr(warning)) for warning in facts["warnings"])
    yield from (f"  {tr(note)}" for note in facts["notes"])


def _count(corpus: Corpus, split: str) -> dict[str, Any]:
    sentences = getattr(corpus, split)
    types = Counter(span.type for sentence in sentences for span in bio_tags_to_spans(sentence.tags))
    words = sum(len(sentence.words) for sentence in sentences)
    return {"sentences": len(sentences), "words": words, "entities": dict(types.most_common())}
