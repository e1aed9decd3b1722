"""Cleaning of HTML and invisible characters, with offsets into the source."""

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
    r"<!--.*?-->|<!doctype\b[^<>]*>|<\?xml\b[^<>]*>|<(?P<hidden>script|style)\b[^<>]*>.*?</(?P=hidden)\s*>"
    rf"|</?(?:{_INLINE})(?=[\s/>])[^<>]*>|(?P<block></?(?:{_BLOCK})(?=[\s/>])[^<>]*>)"
    r"|\{IMG:\d+\}"  # placeholder of a picture in the texts of the BDCI competition
    r"|https?://[\w\-.~:/?#\[\]@!$&'()*+,;=%]+",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
# Control, format and private-use characters, surrogates, variation selectors, and noncharacters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff"
    "\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff]+"
)
_SPACE = re.compile(r"\s+")
_LINE_END = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")


@dataclass(frozen=True, eq=False)
class CleanedText:
    """Cleaned text with the source range of each character."""

    text: str
    source: str
    starts: Array  # (characters,) int64: character i is source[starts[i]:ends[i]]
    ends: Array

    def slice_source(self, start: int, end: int) -> str:
        """Source text of characters `start` to `end` (exclusive), uncleaned."""
        return self.source[int(self.starts[start]) : int(self.ends[end - 1])] if start < end else ""


def clean_html(source: str) -> CleanedText:
    """Removes HTML tags and comments, http addresses and invisible characters.

    Character references like `&nbsp;` are resolved first, also if they were escaped twice. A tag that is not HTML
    stays, as it may be text. A run of white space becomes one space, or one line end if it holds a line end or a tag
    that begins a new line. Full-width forms, capitals and accents stay, as tokenizers handle them.

    >>> clean_html("<p>甲&nbsp;&amp;  乙</p>").text
    '甲 & 乙'
    """
    offsets = np.arange(len(source))
    cleaned = CleanedText(source, source, offsets, offsets + 1)
    cleaned = _replace_all(
        cleaned, _CHARACTER_REFERENCE, lambda match: html.unescape(f"&{match[1]}") if match[1] else " "
    )
    cleaned = _replace_all(cleaned, _MARKUP, lambda match: "\n" if match["block"] else "")
    cleaned = _replace_all(cleaned, _INVISIBLE, lambda match: "")
    cleaned = _replace_all(cleaned, _SPACE, lambda match: "\n" if _LINE_END.search(match[0]) else " ")
    first, last = len(cleaned.text) - len(cleaned.text.lstrip()), len(cleaned.text.rstrip())
    return CleanedText(cleaned.text[first:last], source, cleaned.starts[first:last], cleaned.ends[first:last])


def _replace_all(
    cleaned: CleanedText, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> CleanedText:
    """Replaces every match of a pattern.

    The source range of each character of a replacement is the whole match.
    """
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
