"""Descriptions of tags that are none, with a hint at the cause."""

import re

from labkit.data.tags import TAG_PATTERN
from labkit.messages import N_, Message


def describe_unknown_tag(tag: str) -> Message:
    """Problem with a tag that does not match TAG_PATTERN."""
    text = N_("unknown tag {tag!r}; expected O, or a letter of the scheme, a hyphen and a type, such as B-PER")
    problem = Message(text, tag=tag[:80])
    if TAG_PATTERN.fullmatch(tag.upper()) or TAG_PATTERN.fullmatch(tag[:1].upper() + tag[1:]):
        return Message("{problem} (capital letters)", problem=problem)
    if re.fullmatch(r"[BIMELSUW]_\S+", tag):
        return Message("{problem} (a hyphen, not an underscore)", problem=problem)
    if tag in tuple("BIMELSUW"):
        return Message("{problem} (the type is missing)", problem=problem)
    return problem
