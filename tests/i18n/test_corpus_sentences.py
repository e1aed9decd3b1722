"""Chinese messages on corpora and encoders, each taken from the code that raises it."""

import json

import pytest

from labkit.config import RunConfig
from labkit.data.corpora import read_corpus
from labkit.data.encoders import locate_encoder
from labkit.data.featurize import Featurizer
from labkit.data.formats import ENDINGS
from labkit.data.windows import encoding_notes
from labkit.i18n import translation
from labkit.i18n.recogniser import translate_message
from labkit.training.failures import describe_failure
from labkit.training.setup import _check_vocab_size
from tests.i18n.test_translation import english_in

GOOD = "Anna\tB-PER\nSmith\tI-PER\nwent\tO\n\nBen\tB-PER\nLee\tI-PER\nran\tO\n\n" * 9
ROW = "1,标题,正文里有甲公司,{labels}\n"
# What stays as it is: names of files, columns and commands, tags, and words of the corpus itself.
KEPT = {*ENDINGS, "train", "dev", "docstart"}
KEPT |= {"title", "text", "unknownentities", "config", "json", "model", "type", "save", "pretrained", "iconv", "old"}
KEPT |= {"new", "utf", "gbk", "org", "misc", "csv", "safetensors", "pytorch", "bin", "vocab", "endpoint", "msra"}
KEPT |= {"corpus", "anna", "went", "entity", "tokenizer", "wnut16", "mine", "some", "index", "tiny"}
KEPT |= {"test", "iob1", "gb18030", "latin", "who", "loc", "per", "repair", "tags"}


@pytest.fixture(autouse=True)
def chinese(monkeypatch):
    monkeypatch.setattr(translation, "_language", "zh")


def english_left(text):
    told = translate_message(text)
    assert told != text
    return [word for word in english_in(told) if word.lower() not in KEPT]


def corpus(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


BAD = {
    "empty": "\n\n",
    "one column": "Anna\n",
    "tag alone": "B-PER\n",
    "no word": "\tB-PER\n",
    "unknown tag": "Anna\tWHO\n",
    "small letters": "Anna\tb-per\n",
    "underscore": "Anna\tB_PER\n",
    "no type": "Anna\tB\n",
    "utf-16": b"\xff\xfeA\0",
    "nul": b"A\0B\n",
    "gbk": "甲\tO\n".encode("gb18030"),
    "latin": b"\xe9t\xe9\tO\nb\xff\tO\n",
    "after O": GOOD + "a\tO\nb\tI-PER\n",
    "at the start": GOOD + "b\tI-PER\n",
    "iob1": "a\tI-PER\nb\tI-PER\n\nc\tI-PER\nd\tB-PER\n\n" * 9 + "a\tO\nd\tB-PER\n",
    "iob1 at the start": "a\tI-PER\nb\tI-PER\n\nc\tI-PER\nd\tB-PER\n\n" * 9 + "d\tB-PER\n",
    "not ended": "a\tB-PER\nb\tE-PER\n\nc\tS-PER\n\n" * 9 + "a\tB-PER\n",
    "not begun": "a\tB-PER\nb\tE-PER\n\nc\tS-PER\n\n" * 9 + "a\tO\nb\tE-PER\n",
    "not begun at the start": "a\tB-PER\nb\tE-PER\n\nc\tS-PER\n\n" * 9 + "b\tE-PER\n",
    "another scheme": "a\tB-PER\nb\tE-PER\n\nc\tS-PER\n\n" * 9 + "b\tW-PER\n",
    "numbered": "1\tAnna\tB-PER\n2\twent\tO\n\n" * 2,
    "no column of tags": "Anna x B-NP B-PER\nran x O O\n\n" * 2 + "Anna x B-NP\n",
    "json": '{"text": "Anna"}\n',
    "no dev": "Anna\tB-PER\n",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_why_a_file_cannot_be_read_is_told(tmp_path, content):
    with pytest.raises(ValueError, match="train") as raised:
        read_corpus(corpus(tmp_path / "mine", train_txt=content))
    assert english_left(str(raised.value)) == []
    as_reason = describe_failure(raised.value, RunConfig(), 1.0, 0).reason
    assert english_left(as_reason) == []


BAD_TABLES = {
    "no column": "id,text\n",
    "empty": "",
    "fields": "id,title,text,unknownEntities\n1,2\n",
    "encoding": b"id,title,text,unknownEntities\n1,2,\xff\xff,\n",
    "utf-16": b"\xfe\xff\0i",
    "no text": 'id,title,text,unknownEntities\n1,"","",\n',
    "no labels": "id,title,text\n1,2,3\n",
    "quotes": 'id,title,text,unknownEntities\n1,"a"b,c,\n',
}


@pytest.mark.parametrize("content", BAD_TABLES.values(), ids=BAD_TABLES)
def test_why_a_table_cannot_be_read_is_told(tmp_path, content):
    with pytest.raises(ValueError, match="train") as raised:
        read_corpus(corpus(tmp_path / "mine", train_csv=content))
    assert [word for word in english_left(str(raised.value)) if word not in "'delimiter' expected after"] == []


@pytest.mark.parametrize(
    "files",
    [
        {"train_txt": GOOD, "train_conll": GOOD},
        {"dev_txt": GOOD},
        {"train_txt": GOOD, "dev_txt": "Oslo\tB-LOC\n"},
    ],
)
def test_what_is_wrong_with_a_folder_is_told(tmp_path, files):
    with pytest.raises(ValueError, match="mine") as raised:
        read_corpus(corpus(tmp_path / "mine", **files))
    assert english_left(str(raised.value)) == []


def test_all_notes_on_words_and_their_tags_are_told(tmp_path):
    train = f"-DOCSTART- O\n\n# one\n{GOOD}# two\nx\tI-PER\n\n" + "long\tO\n" * 1001 + "\na\ufeffb\tO\n\n"
    train += "-DOCSTART- O\n\nc\ufeff\tO\nd\t\tO\n\u2028\tO\n\u200b\tO\n\n"
    dev = "-DOCSTART- O\n\n# one\nAnna\tO\n\u2028\tO\n\na\ufeff\tO\n\n"
    place = corpus(tmp_path / "mine", train_txt=train, dev_txt=dev, test_txt=GOOD, test_docx="", eval_txt="")
    notes = read_corpus(place, repair=True).notes
    alone = read_corpus(corpus(tmp_path / "alone", train_txt=GOOD + "x\tB-LOC\n\ny\tB-ORG\n\n")).notes
    kinds = ("its ending", "its name", "DOCSTART- lines", "DOCSTART- line ", "comment lines", "comment line ")
    kinds += ("invisible words", "invisible word ")
    for kind in (*kinds, "longest", "3 columns", "order marks", "order mark ", "mended", "inflated", "holds no entity"):
        assert any(kind in note for note in notes), kind
    assert "split off for dev" in alone[0]
    assert {note: english_left(note) for note in (*notes, *alone) if english_left(note)} == {}


def test_that_two_parts_share_sentences_is_told(tmp_path):
    other, more = "Eva\tB-PER\n\n", "Ida\tB-PER\n\n"
    for place, (dev, test) in enumerate(((other, other), (other, other + more), (GOOD, more))):
        (note,) = read_corpus(corpus(tmp_path / f"mine{place}", train_txt=GOOD, dev_txt=dev, test_txt=test)).notes
        assert english_left(note) == []
        assert all(name in translate_message(note) for name in ("验证集", "测试集" if place < 2 else "训练集"))


def test_all_notes_on_tables_are_told(tmp_path):
    head = "id,title,text,unknownEntities\n"
    rows = ROW.format(labels="乙;丙;丁;戊") + ROW.format(labels="甲公司") + '2,"","",\n' + "3,a,b甲公司,甲公司;己\n" * 2
    train = (head + rows + "".join(f"{n},t{n},甲公司,甲公司\n" for n in range(9))).encode("gb18030")
    test = "id,title,text\n1,2,3\n"
    notes = read_corpus(corpus(tmp_path / "mine", train_csv=train, test_csv=test)).notes
    for kind in ("GB18030", "without text", "repeat", "do not occur", "not scored"):
        assert any(kind in note for note in notes), kind
    assert {note: english_left(note) for note in notes if english_left(note)} == {}
    (lacking,) = [translate_message(note) for note in notes if "do not occur" in note]
    assert "第 2 行的“乙”，第 2 行的“丙”，第 2 行的“丁”，…" in lacking


def test_notes_on_windows_are_told(tiny_encoder):
    from transformers import AutoTokenizer

    from labkit.data.corpora import Sentence

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    words = [("went",) * 40, ("ab" * 40,), ("\u200b",), "中文中文中"]
    notes = encoding_notes(Featurizer(tokenizer, ("O",), 16).featurize([Sentence(each, ()) for each in words]))
    assert len(notes) == 4
    assert [english_left(note) for note in notes] == [[]] * 4
    with pytest.raises(ValueError, match="max_pieces") as raised:
        Featurizer(tokenizer, ("O",), 2)
    assert english_left(str(raised.value)) == []


@pytest.mark.parametrize("files", [{}, {"tokenizer_json": ""}, {"model_safetensors": ""}, {"config_json": "{"}])
def test_what_is_wrong_with_an_encoder_is_told(tmp_path, files):
    place = corpus(tmp_path / "mine", **{"config_json": json.dumps({"model_type": "bert"}), **files})
    with pytest.raises(ValueError, match="mine") as raised:
        locate_encoder(str(place))
    assert english_left(str(raised.value)) == []


@pytest.mark.parametrize(
    "problem",
    [
        "its model.safetensors cannot be read (甲); it may be damaged",
        "its tokenizer cannot be read (甲); it may be damaged",
        "its weights hold values that are not numbers, for example in embeddings.bias; replace the damaged file",
        "embeddings.bias has the shape (32,), and (48,) by its config.json; the two files are of different models",
    ],
)
def test_what_cannot_be_read_of_an_encoder_is_told(problem):
    assert set(english_left(f"encoder folder 'mine': {problem}")) <= {"embeddings", "bias"}


def test_that_a_tokenizer_is_of_another_model_is_told(tiny_encoder):
    with pytest.raises(ValueError, match="no vector") as raised:
        _check_vocab_size(str(tiny_encoder), 12, 12)
    assert english_left(str(raised.value)) == []
    what = "the encoder has no vector for the token '甲' (number 12 of 12); its tokenizer belongs to another model"
    assert english_left(what) == []


@pytest.mark.parametrize("name", ["a b", "someone/else"])
def test_an_encoder_that_is_nowhere_is_told(name, monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=name) as raised:
        locate_encoder(name)
    assert english_left(str(raised.value)) == []


def test_a_colon_alone_does_not_make_a_line_of_a_file():
    told = "the server said: nothing:at all: really"
    assert translate_message(told) == told
