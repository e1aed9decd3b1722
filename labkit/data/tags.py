"""Tag schemes (BIO, IOB1, BIOES, …): detection, violations, conversion to BIO and spans.

Detection looks at bigrams of neighbouring tags: a corpus of millions of tags has only a few hundred different ones.
In a bigram, `""` stands for the edge of a sentence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labkit.messages import N_, Message

TagBigram = tuple[str, str]

TAG_PATTERN = re.compile(r"O|[BIMELSUW]-\S+")
ENTITY_TYPE = "ENTITY"  # of entities whose files name no type

# Letter of any scheme → Begin, Inside, End or Single.
_CANONICAL_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}


class Span(NamedTuple):
    """Entity: its type, first word, and the word after its last."""

    type: str
    start: int
    end: int


@dataclass(frozen=True)
class Scheme:
    """Tag scheme; `letters` stand for begin, inside[, end, single]."""

    name: str
    letters: str

    def find_violation(self, previous: str, tag: str) -> Message | None:
        """Reason why `tag` may not follow `previous`; None if it may."""
        if _letter(tag) not in self.letters:
            text = N_("{tag} does not belong to {scheme}, which the rest of the corpus is written in")
            return Message(text, tag=tag, scheme=self.name)
        if _letter(previous) not in self.letters:
            return None  # already reported for the tag before
        if self.name in ("BIO", "IOB1"):
            return self._find_open_violation(previous, tag)
        return self._find_closed_violation(previous, tag)

    def _find_open_violation(self, previous: str, tag: str) -> Message | None:
        """Violation in a scheme without end letters: a wrong first tag of an entity."""
        if _type(previous) == _type(tag):
            return None
        if self.name == "BIO" and _letter(tag) == "I":
            text = N_("{tag} {place}, where BIO expects an entity to begin with {wanted}")
            return Message(text, tag=tag, place=_after(previous), wanted=f"B-{_type(tag)}")
        if self.name == "IOB1" and _letter(tag) == "B":
            text = N_("{tag} {place}, where IOB1 expects {wanted} (B- only between two of one type)")
            return Message(text, tag=tag, place=_after(previous), wanted=f"I-{_type(tag)}")
        return None

    def _find_closed_violation(self, previous: str, tag: str) -> Message | None:
        """Violation in a scheme with end letters: an entity left open, or ended unopened."""
        inside, end = self.letters[1], self.letters[2]
        is_open = _canonical_letter(previous) in ("B", "I")
        continues = _canonical_letter(tag) in ("I", "E")
        if is_open and not (continues and _type(previous) == _type(tag)):
            text = N_("the end of the sentence {place}, where {scheme} expects {one} or {other}")
            if tag:
                text = N_("{tag} {place}, where {scheme} expects {one} or {other}")
            one, other = f"{inside}-{_type(previous)}", f"{end}-{_type(previous)}"
        elif continues and not is_open:
            text = N_("{tag} {place}; in {scheme} it must follow {one} or {other}")
            one, other = f"B-{_type(tag)}", f"{inside}-{_type(tag)}"
        else:
            return None
        return Message(text, tag=tag, place=_after(previous), scheme=self.name, one=one, other=other)


BIO = Scheme("BIO", "BI")
IO = Scheme("IO", "I")  # IOB1 without a single B-: neighbours of one type are one entity
SCHEMES = (
    BIO,
    Scheme("IOB1", "BI"),
    Scheme("BIOES", "BIES"),
    Scheme("BMES", "BMES"),
    Scheme("BILOU", "BILU"),
    Scheme("BMEWO", "BMEW"),
)


def match_scheme(tags: Sequence[str]) -> Scheme:
    """First scheme with all letters of these tags.

    Never IOB1, which has BIO's letters: corpora in IOB1 are converted to BIO.
    Raises ValueError if no scheme has all of them.
    """
    letters = {tag[0] for tag in tags if tag != "O"}
    for scheme in SCHEMES:
        if letters <= set(scheme.letters):
            return scheme
    text = N_("tags must belong to one scheme of {schemes}, not begin with {letters}")
    named = ", ".join(scheme.name for scheme in SCHEMES)
    raise ValueError(Message(text, schemes=named, letters=", ".join(sorted(letters))))


def bigrams(tags: Sequence[str]) -> "zip[TagBigram]":
    """Pairs of neighbouring tags, including both edges of the sentence.

    There is one pair more than tags.
    """
    return zip(["", *tags], [*tags, ""], strict=True)


def detect_scheme(counts: Mapping[TagBigram, int]) -> tuple[Scheme, dict[TagBigram, Message]]:
    """Scheme with the fewest violations over a whole corpus.

    Args:
        counts: bigram → how often it occurs; every tag matches `TAG_PATTERN`.

    Returns:
        The scheme, and its violations: bigram → reason.
    """
    candidates = []
    for scheme in SCHEMES:
        problems = {pair: problem for pair in counts if (problem := scheme.find_violation(*pair))}
        candidates.append((sum(counts[pair] for pair in problems), scheme, problems))
    _, scheme, problems = min(candidates, key=lambda candidate: candidate[0])  # the first one of equal numbers
    has_beginnings = any(_letter(tag) == "B" for _, tag in counts)
    return (IO if scheme.name == "IOB1" and not has_beginnings else scheme), problems


def to_bio(previous: str, tag: str) -> str:
    """Converts a tag of any scheme to BIO.

    Illegal pairs are read as conlleval reads them: a tag that cannot continue an entity begins one.
    """
    if tag in ("", "O"):
        return tag
    continues = (
        _canonical_letter(tag) in ("I", "E")
        and _canonical_letter(previous) in ("B", "I")
        and _type(previous) == _type(tag)
    )
    return ("I-" if continues else "B-") + _type(tag)


def bio_tags_to_spans(tags: Sequence[str]) -> list[Span]:
    """Entities of a sentence in BIO, first to last.

    Lenient like conlleval and seqeval's default mode: an `I-` that follows `O` or another type begins an entity.
    """
    spans: list[Span] = []
    start, kind = 0, ""
    for index, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            spans.append(Span(kind, start, index))
            kind = ""
        if tag != "O" and not kind:
            start, kind = index, tag[2:]
    return spans


def _letter(tag: str) -> str:
    return "" if tag in ("", "O") else tag[0]


def _canonical_letter(tag: str) -> str:
    return _CANONICAL_LETTERS.get(_letter(tag), "O")


def _type(tag: str) -> str:
    return tag[2:]


def _after(previous: str) -> Message:
    return Message("after {tag}", tag=previous) if previous else Message("at the start of a sentence")
