"""Messages: English sentences that keep their template and values."""

import json
import pickle

import msgspec
import pytest

from labkit.i18n import translation
from labkit.i18n.translation import tr, translate
from labkit.messages import Message, decode_hook, encode_hook, message_of, plural

SHORTER = Message("a shorter longest window (max_pieces {size} instead of {now})", size=64, now=128)
NESTED = Message(
    "Try {options}.", options=Message("{first} or {second}", first=SHORTER, second=Message("a smaller encoder"))
)
ENGLISH = "Try a shorter longest window (max_pieces 64 instead of 128) or a smaller encoder."


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(translation, "_language", "en")


class Line(msgspec.Struct):
    text: Message = Message("")
    notes: list[Message] = []


def stored(message):
    encoded = msgspec.json.encode(Line(message, [message]), enc_hook=encode_hook)
    return encoded, msgspec.json.decode(encoded, type=Line, dec_hook=decode_hook)


def test_a_message_is_its_english_sentence():
    assert NESTED == ENGLISH
    assert f"{NESTED}" == ENGLISH
    assert json.dumps([NESTED]) == f'["{ENGLISH}"]'
    assert Message("{count:,} rows", count=1200) == "1,200 rows"


def test_a_message_without_values_keeps_its_braces():
    assert Message("a {b}") == "a {b}"
    assert tr(Message("a {b}")) == "a {b}"


def test_messages_within_messages_are_translated():
    translation.set_language("zh")
    assert tr(NESTED) == "请试更短的窗口（最长窗口设为 64，现在是 128），或更小的编码器。"
    assert (
        tr("no {figures}: {reason}", figures="x", reason=Message("this user may not read it"))
        == "没有x：当前用户无权读取"
    )
    assert translate("en", NESTED) == ENGLISH


def test_texts_and_templates_without_a_translation_stay_english():
    translation.set_language("zh")
    assert tr(Message("nobody says {this}", this=1)) == "nobody says 1"
    assert tr("") == tr(Message("")) == ""


@pytest.mark.parametrize(
    "message", [Message("plain"), Message("a {b}"), NESTED, Message("{n:,} {x:.3g}", n=1200, x=0.12345)]
)
def test_a_message_survives_a_log_and_a_pickle(message):
    encoded, line = stored(message)
    for copy in (line.text, line.notes[0], pickle.loads(pickle.dumps(message))):
        assert (copy, copy.template, copy.values) == (message, message.template, message.values)
        assert translate("zh", copy) == translate("zh", message)
    assert msgspec.json.encode(line, enc_hook=encode_hook) == encoded


def test_a_sentence_without_values_is_stored_as_a_plain_text():
    assert stored(Message("plain"))[0] == b'{"text":"plain","notes":["plain"]}'
    assert stored("plain")[0] == b'{"text":"plain","notes":["plain"]}', "as older logs have it"


@pytest.mark.parametrize(
    "damage",
    [{}, {"template": "b"}, {"values": {}}, {"values": 3}, {"values": [1]}, {"template": 3, "values": {"n": 1}},
     {"template": "{n.x}", "values": {"n": 1}}, {"template": "{n:999999999999}", "values": {"n": 1}},
     {"template": "{n", "values": {"n": 1}}, {"template": "{n}", "values": {"n": {"text": 1}}}],
)  # fmt: skip
def test_of_a_damaged_message_the_sentence_is_kept(damage):
    message = Message.from_json({"text": "a sentence", **damage})
    assert (message, message.values) == ("a sentence", {})


@pytest.mark.parametrize("stored", [None, 3, [], {}, {"text": 3}])
def test_what_is_no_message_is_a_damaged_line(stored):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps({"text": stored}), type=Line, dec_hook=decode_hook)


def test_one_and_many_have_templates_of_their_own():
    texts = "1 word in {file}", "{count:,} words in {file}"
    assert [plural(count, *texts, file="x") for count in (1, 2000)] == ["1 word in x", "2,000 words in x"]


def test_the_message_of_an_exception_is_found():
    for error in (ValueError(NESTED), KeyError(NESTED), OSError(5, NESTED), FileNotFoundError(NESTED)):
        assert message_of(error).values == NESTED.values
    assert message_of(ValueError("plain")) == "plain"
    assert message_of(OSError(2, "No such file", "x")) == "[Errno 2] No such file: 'x'"
