"""Mapping of entity types, as the setting `types` writes it: rename, merge, drop."""

import re
from collections.abc import Mapping

from labkit.messages import Message

OTHERS = "*"  # all types that are not named
EXAMPLE = "PERSON=PER, GPE=LOC, DATE="
_ENTRY = re.compile(r"([^=,\s]+)\s*=\s*([^=,*\s]*)")


def parse_type_mapping(text: str) -> dict[str, str]:
    """New type by old one: "" for one that is dropped, under `*` that of all others.

    >>> parse_type_mapping("PERSON=PER, DATE=")
    {'PERSON': 'PER', 'DATE': ''}

    Raises:
        ValueError: the text is malformed, or has a type twice; the message has the setting as its value `name`.
    """
    mapping: dict[str, str] = {}
    for entry in filter(None, map(str.strip, re.split("[,，]", text))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(
                Message("{name} must look like {example}, not {value!r}", name="types", example=EXAMPLE, value=text)
            )
        old, new = match.groups()
        if old in mapping:
            raise ValueError(Message("{name} must have each type once, not {type} twice", name="types", type=old))
        mapping[old] = new
    return mapping


def map_type(name: str, mapping: Mapping[str, str]) -> str:
    """The new type of an old one; "" if it is dropped."""
    return mapping.get(name, mapping.get(OTHERS, name))


def map_tag(tag: str, mapping: Mapping[str, str]) -> str:
    """A BIO tag with its type mapped; O if that is dropped.

    Entities keep their ends: two neighbours of types that become one both still begin with `B-`.
    """
    if tag in ("", "O"):
        return tag
    new = map_type(tag[2:], mapping)
    return tag[:2] + new if new else "O"
