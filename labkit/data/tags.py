"""Tag schemes: which one a corpus uses, where it breaks its own rules, and the way to BIO and to spans.

A scheme is decided by pairs of neighbouring tags, so a corpus of millions of tags is judged by a few hundred
different pairs. In a pair, `""` stands for the edge of a sentence.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TagBigram = tuple[str, str]

TAG_PATTERN = re.compile(r"O|[BIMELSUW]-\S+")
TAG_HELP = "O, or a letter of the scheme, a hyphen and a type, such as B-PER"

# What a letter means, whichever scheme it comes from: Begin, Inside, End, Single.
_CANONICAL_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}


class Span(NamedTuple):
    """An entity: its type, its first word, and the word after its last."""

    type: str
    start: int
    end: int


@dataclass(frozen=True)
class Scheme:
    """One way of writing entities as tags; `letters` are those for begin, inside and, perhaps, end, single."""

    name: str
    letters: str

    def find_violation(self, previous: str, tag: str) -> str:
        """Why `tag` may not follow `previous`, in words; empty where it may."""
        if _letter(tag) not in self.letters:
            return f"{tag} does not belong to {self.name}, which the rest of the corpus is written in"
        if _letter(previous) not in self.letters:
            return ""  # already told, at the tag before
        if self.name == "BIO":
            return _find_bio_violation(previous, tag)
        if self.name == "IOB1":
            return _find_iob1_violation(previous, tag)
        return self._find_closed_violation(previous, tag)

    def _find_closed_violation(self, previous: str, tag: str) -> str:
        """The rule of schemes that mark an entity's end: what is begun must be ended, and only that."""
        inside, end = self.letters[1], self.letters[2]
        is_open = _canonical_letter(previous) in ("B", "I")
        goes_on = _canonical_letter(tag) in ("I", "E")
        if is_open and not (goes_on and _type(previous) == _type(tag)):
            wanted = f"{inside}-{_type(previous)} or {end}-{_type(previous)}"
            return f"{tag or 'the end of the sentence'} after {previous}, where {self.name} expects {wanted}"
        if goes_on and not is_open:
            wanted = f"B-{_type(tag)} or {inside}-{_type(tag)}"
            return f"{tag} {_after(previous)}, where {self.name} expects {wanted} before it"
        return ""


BIO = Scheme("BIO", "BI")
SCHEMES = (
    BIO,
    Scheme("IOB1", "BI"),
    Scheme("BIOES", "BIES"),
    Scheme("BMES", "BMES"),
    Scheme("BILOU", "BILU"),
    Scheme("BMEWO", "BMEW"),
)


def match_scheme(tags: Sequence[str]) -> Scheme:
    """The first scheme that has all letters of these tags; IOB1 has BIO's letters, and a corpus in it is read as BIO.

    Raises ValueError where the letters belong to no scheme.
    """
    letters = {tag[0] for tag in tags if tag != "O"}
    for scheme in SCHEMES:
        if letters <= set(scheme.letters):
            return scheme
    named = ", ".join(scheme.name for scheme in SCHEMES)
    raise ValueError(f"tags must belong to one scheme of {named}, not begin with {', '.join(sorted(letters))}")


def bigrams(tags: Sequence[str]) -> "zip[TagBigram]":
    """Every tag with the one before it, both edges of the sentence included: one pair more than tags."""
    return zip(["", *tags], [*tags, ""], strict=True)


def detect_scheme(counts: Mapping[TagBigram, int]) -> tuple[Scheme, dict[TagBigram, str]]:
    """The scheme with the fewest broken rules over a whole corpus, and what breaks it, by pair.

    Args:
        counts: how often each pair of `pairs` occurs; every tag has the form of `TAG`.
    """
    best, problems = BIO, _find_violations(BIO, counts)
    fewest = _count_violations(problems, counts)
    for scheme in SCHEMES[1:]:
        found = _find_violations(scheme, counts)
        if (weight := _count_violations(found, counts)) < fewest:
            best, problems, fewest = scheme, found, weight
    return best, problems


def to_bio(previous: str, tag: str) -> str:
    """The tag in BIO. Illegal pairs read as conlleval reads them: whatever cannot go on an entity begins one."""
    if tag in ("", "O"):
        return tag
    goes_on = (
        _canonical_letter(tag) in ("I", "E")
        and _canonical_letter(previous) in ("B", "I")
        and _type(previous) == _type(tag)
    )
    return ("I-" if goes_on else "B-") + _type(tag)


def bio_tags_to_spans(tags: Sequence[str]) -> list[Span]:
    """The entities of a sentence in BIO, first to last.

    Lenient, as conlleval and seqeval's default mode are: an `I-` that follows `O` or another type begins an entity.
    """
    found: list[Span] = []
    start, kind = 0, ""
    for index, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            found.append(Span(kind, start, index))
            kind = ""
        if tag != "O" and not kind:
            start, kind = index, tag[2:]
    return found


def _find_violations(scheme: Scheme, counts: Mapping[TagBigram, int]) -> dict[TagBigram, str]:
    return {pair: problem for pair in counts if (problem := scheme.find_violation(*pair))}


def _count_violations(problems: Mapping[TagBigram, str], counts: Mapping[TagBigram, int]) -> int:
    return Counter({pair: counts[pair] for pair in problems}).total()


def _find_bio_violation(previous: str, tag: str) -> str:
    if _canonical_letter(tag) != "I" or _type(previous) == _type(tag):
        return ""
    return f"{tag} {_after(previous)}, where BIO expects an entity to begin with B-{_type(tag)}"


def _find_iob1_violation(previous: str, tag: str) -> str:
    if _canonical_letter(tag) != "B" or _type(previous) == _type(tag):
        return ""
    return f"{tag} {_after(previous)}, where IOB1 expects I-{_type(tag)} (B- only between two of one type)"


def _letter(tag: str) -> str:
    return "" if tag in ("", "O") else tag[0]


def _canonical_letter(tag: str) -> str:
    return _CANONICAL_LETTERS.get(_letter(tag), "O")


def _type(tag: str) -> str:
    return tag[2:]


def _after(previous: str) -> str:
    return f"after {previous}" if previous else "at the start of a sentence"
