"""Cleaning of web texts, and the source range of every character."""

import random
from itertools import pairwise

import pytest

from labkit.data.cleaning import clean_html
from tests.long_cases import seeds

PARTS = [
    *"币安网今天 \n\t3.14&;<>-!A",
    *(
        "<p>",
        "</p>",
        "<br/>",
        "<B>",
        "</b>",
        "<!-- x -->",
        "<style>p{}</style>",
        "<a href='x'>",
        "&nbsp;",
        "&amp;",
        "&lt;",
    ),
    *(
        "&#20013;",
        "&#x4e2d;",
        "&amp;nbsp;",
        "{IMG:3}",
        "http://t.co/x?y=1",
        "\u200b",
        "\ufeff",
        "\x00",
        "😀",
        "e\u0301",
    ),
]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>甲<b>乙</b>丙</p><p>丁</p>", "甲乙丙\n丁"),
        ("甲<br>乙<BR/>丙", "甲\n乙\n丙"),
        ("<div class='x' style=\"a>b\">甲</div>", 'b">甲'),
        ("甲<!-- 乙 -->丙", "甲丙"),
        ("甲<script>var a = '<b>';</script>乙<style>p {}</style>", "甲乙"),
        ("甲&nbsp;&nbsp乙&amp;丙&lt;丁&#20013;&#x4E2D;", "甲 乙&丙<丁中中"),
        ("甲&amp;nbsp;乙&amp;amp;丙", "甲 乙&丙"),
        ("&unknown; & AT&T;", "&unknown; & AT&T;"),
        ("&lt;p&gt;甲&lt;/p&gt;", "甲"),
        ("<EOS>与<甲>，1<2>1", "<EOS>与<甲>，1<2>1"),
        ("见https://a.b/c?d=e&f=g，甲", "见，甲"),
        ("www.abc.com甲", "www.abc.com甲"),
        ("甲{IMG:12}乙{IMG}", "甲乙{IMG}"),
        ("\u200b甲\ufeff乙\x00\x07丙\u202e丁\ue000戊\u00ad", "甲乙丙丁戊"),
        ("甲 \t\u3000\u00a0乙 \r\n \n丙  ", "甲 乙\n丙"),
        ("ＡＢＣ１２３，é龘😀", "ＡＢＣ１２３，é龘😀"),
        ("", ""),
        (" <p></p> \u200b", ""),
    ],
)
def test_what_is_read_of_a_text(source, text):
    assert clean_html(source).text == text


@pytest.mark.parametrize("seed", seeds(40))
def test_every_character_comes_from_its_own_place_in_order(seed):
    source = "".join(random.Random(seed).choices(PARTS, k=40))
    found = clean_html(source)
    assert len(found.text) == len(found.starts) == len(found.ends)
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
    assert all(0 <= start < end <= len(source) for start, end in spans)
    assert all(one == other or one[1] <= other[0] for one, other in pairwise(spans))
    for place, character in enumerate(found.text):
        original = found.slice_source(place, place + 1)
        assert original == character or original[0] == "&" or character in " \n", (original, character)
    assert clean_html(found.text).text == found.text or "&" in found.text or "<" in found.text


@pytest.mark.parametrize(
    ("source", "wanted", "original"),
    [
        ("甲<b>币安网</b>乙", "币安网", "币安网"),
        ("甲A&amp;M资本乙", "A&M资本", "A&amp;M资本"),
        ("甲币\u200b安网", "币安网", "币\u200b安网"),
        ("甲Coin  Base乙", "Coin Base", "Coin  Base"),
        ("<p>币<em>安</em>网</p>", "币安网", "币<em>安</em>网"),
    ],
)
def test_a_name_is_given_back_as_it_stood(source, wanted, original):
    found = clean_html(source)
    start = found.text.index(wanted)
    assert found.slice_source(start, start + len(wanted)) == original
    assert original in source


def test_an_empty_span_is_nothing():
    assert clean_html("甲").slice_source(0, 0) == ""
