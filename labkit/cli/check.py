"""`labkit check`: what would be read of a corpus, and whether it could be trained on."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from labkit.data.corpora import find_corpus
from labkit.data.corpus_counts import count_corpus
from labkit.data.formats import format_name
from labkit.i18n.translation import tr
from labkit.messages import message_of


def check_corpus(corpus: str, *, dev_share: float, repair: bool, types: str) -> dict[str, Any]:
    """Facts of a corpus as JSON values: files, sentences, words, entities by type, notes; or the problem."""
    facts: dict[str, Any] = {"corpus": corpus, "files": {}, "splits": {}, "warnings": [], "notes": [], "problem": None}
    try:
        source = find_corpus(corpus)
        facts["files"] = {
            split: [{"file": one.display_path, "format": format_name(one.path)} for one in sources]
            for split, sources in source.files.items()
        }
        counts = count_corpus(source, dev_share=dev_share, repair=repair, types=types)
    except ValueError as problem:
        facts["problem"] = message_of(problem)
        return facts
    for one in chain.from_iterable(facts["files"].values()):
        one["format"] = counts.formats[one["file"]]
    return facts | {
        "scheme": counts.scheme,
        "splits": {split: of_split._asdict() for split, of_split in counts.splits.items()},
        "warnings": list(counts.warnings),
        "notes": list(counts.notes),
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
