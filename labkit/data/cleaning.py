"""Texts from the web without markup and invisible characters, and the way back to the text as it stood."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labkit.data.windows import Array

_CHARACTER_REFERENCE = re.compile(r"&(?:amp;)*(?:(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)|nbsp)")
_INLINE = (
    "a|abbr|acronym|b|bdo|big|cite|code|del|em|font|i|img|ins|kbd|label|mark|nobr|o:p|q|s|small|span|strike|strong"
)
_INLINE += "|sub|sup|tt|u|var|wbr"
_BLOCK = "address|article|aside|blockquote|body|br|button|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form"
_BLOCK += "|frame|h[1-6]|head|header|hr|html|iframe|input|li|link|main|meta|nav|ol|option|p|pre|script|section|select"
_BLOCK += "|source|style|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul|video"
_MARKUP = re.compile(
    r"<!--.*?-->|<!doctype\b[^<>]*>|<\?xml\b[^<>]*>|<(?P<unseen>script|style)\b[^<>]*>.*?</(?P=unseen)\s*>"
    rf"|</?(?:{_INLINE})(?=[\s/>])[^<>]*>|(?P<block></?(?:{_BLOCK})(?=[\s/>])[^<>]*>)"
    r"|\{IMG:\d+\}"  # where a picture stood, in the texts of the BDCI competition
    r"|https?://[\w\-.~:/?#\[\]@!$&'()*+,;=%]+",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
# Control, format and private characters, halves of pairs, variation selectors, and what can never be a character.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff"
    "\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff]+"
)
_SPACE = re.compile(r"\s+")
_LINE_END = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")


@dataclass(frozen=True, eq=False)
class CleanedText:
    """A text to be read, each character of which knows where it came from."""

    text: str
    source: str
    starts: Array  # (characters,) int64: character i is source[starts[i]:ends[i]]
    ends: Array

    def slice_source(self, start: int, end: int) -> str:
        """What stands in the source from character `start` to the one before `end`, with all that was taken out."""
        return self.source[int(self.starts[start]) : int(self.ends[end - 1])] if start < end else ""


def clean_html(source: str) -> CleanedText:
    """Takes out HTML tags and comments, web addresses (http only) and invisible characters.

    Character references such as `&nbsp;` are resolved first, also where they were escaped twice. A tag that is not of
    HTML stays, as it may be text. White space becomes one space, or one line end where there is one in it or a tag
    that begins a new line. Full-width forms, capitals and accents stay: they are the tokenizer's affair.

    >>> clean("<p>甲&nbsp;&amp;  乙</p>").text
    '甲 & 乙'
    """
    places = np.arange(len(source))
    found = CleanedText(source, source, places, places + 1)
    found = _replace_all(found, _CHARACTER_REFERENCE, _unescape)
    found = _replace_all(found, _MARKUP, lambda match: "\n" if match["block"] else "")
    found = _replace_all(found, _INVISIBLE, lambda match: "")
    found = _replace_all(found, _SPACE, lambda match: "\n" if _LINE_END.search(match[0]) else " ")
    first, last = len(found.text) - len(found.text.lstrip()), len(found.text.rstrip())
    return CleanedText(found.text[first:last], source, found.starts[first:last], found.ends[first:last])


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(f"&{match[1]}") if match[1] else " "


def _replace_all(
    cleaned: CleanedText, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> CleanedText:
    """Every match replaced; each character of a replacement came from the whole of what was matched."""
    texts, starts, ends, done = [], [], [], 0
    for match in pattern.finditer(cleaned.text):
        start, end = match.span()
        new = replacement(match)
        texts += [cleaned.text[done:start], new]
        starts += [cleaned.starts[done:start], np.repeat(cleaned.starts[start], len(new))]
        ends += [cleaned.ends[done:start], np.repeat(cleaned.ends[end - 1], len(new))]
        done = end
    if not texts:
        return cleaned
    texts.append(cleaned.text[done:])
    starts.append(cleaned.starts[done:])
    ends.append(cleaned.ends[done:])
    return CleanedText("".join(texts), cleaned.source, np.concatenate(starts), np.concatenate(ends))
