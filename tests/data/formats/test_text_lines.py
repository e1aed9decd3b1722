"""Encodings of text files: what Windows writes is read and told, what cannot be told apart is refused."""

from pathlib import Path

import pytest

from labkit.data.corpora import read_corpus
from tests.data.formats.samples import pairs, read

TEXT = "我 B-PER\n们 I-PER\n去 O\n北 B-LOC\n京 I-LOC\n\nOK O\n"
TOLD = "a.txt: read as {}, as it is not UTF-8."


@pytest.mark.parametrize(
    ("encoding", "notes"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("gbk", [TOLD.format("GB18030")]),
        ("gb18030", [TOLD.format("GB18030")]),
        ("utf-16", [TOLD.format("UTF-16")]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_from_windows_are_read_and_told(tmp_path: Path, encoding: str, notes: list[str], end: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", end).encode(encoding))
    (tmp_path / "b.txt").write_text(TEXT, encoding="utf-8")
    parsed = read(tmp_path / "a.txt")
    assert (pairs(parsed), parsed.notes) == (pairs(read(tmp_path / "b.txt")), notes)


def test_utf16_with_the_other_byte_order_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(("\ufeff" + TEXT).encode("utf-16-be"))
    assert len(read(tmp_path / "a.txt").sentences) == 2


def test_traditional_characters_of_gbk_are_read(tmp_path: Path) -> None:
    text = "".join(f"{character} O\n" for character in "於是乎這個計劃經過討論後決定延後實施")
    (tmp_path / "a.txt").write_bytes(text.encode("gbk"))
    assert "".join(pairs(read(tmp_path / "a.txt"))[0][0]) == "於是乎這個計劃經過討論後決定延後實施"


KOREAN = "이순신은 조선 중기의 무신이다"
JAPANESE = "これはテストです。東京で会いましょう"
TRADITIONAL = "陳水扁昨天在臺北說，這個計劃經過討論後決定延後實施"
NAMES = ["欧盟", "丹麦队", "李瑞成", "海牛队", "伯杰", "欧盟部长理事会", "荷兰", "郭恒康", "国际拳击联合会", "广东"]


def lines_of(text: str) -> str:
    return "".join(f"{word} O\n" for word in text.split())


@pytest.mark.parametrize(
    ("text", "encoding"), [(KOREAN, "CP949"), (JAPANESE, "CP932"), (JAPANESE, "EUC-JP"), (TRADITIONAL, "BIG5")]
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_other_east_asian_encodings_are_refused_by_name(tmp_path: Path, text: str, encoding: str, name: str) -> None:
    rows = {"a.txt": lines_of(text), "a.csv": f"word,tag\n{text},O\n", "a.jsonl": f'{{"text": "{text}"}}\n'}
    (tmp_path / name).write_bytes(rows[name].encode(encoding))
    with pytest.raises(ValueError, match=f"looks like {encoding}; .*`iconv -f {encoding} -t UTF-8"):
        read(tmp_path / name)


@pytest.mark.parametrize("text", [TRADITIONAL, "臺灣總統府發言人", " ".join(NAMES), "特许厅", "北京\n上海"])
def test_real_chinese_in_gb18030_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(lines_of(text).encode("gb18030"))
    assert "".join(pairs(read(tmp_path / "a.txt"))[0][0]) == "".join(text.split())


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0"])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_packed_files_are_told(tmp_path: Path, start: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(start + b"\0\0")
    with pytest.raises(ValueError, match=rf"{name}: a packed file, such as .zip, .gz or .xlsx; unpack it"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("café O\nZoës O\n".encode("latin-1"), r"^a\.txt:1: byte 3 of the file is neither UTF-8 nor GB18030"),
        (b"a O\n" + "élèves O\n".encode("latin-1"), r"^a\.txt:2: byte 4 .*iconv -f LATIN1"),
        ("Иван B-PER\nживёт O\nв O\nМоскве B-LOC\n".encode("cp1251"), r"^a\.txt:1: .* -f CP1251 .* if it is in CP1251"),
        ("北京 O\n北京 O\n".encode()[:-4] + b" O\n", r"^a\.txt:2: byte 12"),  # damaged UTF-8
        (TEXT.encode("utf-16") + b"\n", r"^a\.txt:\d+: byte \d+ of the file is not UTF-16, as its first two are"),
        (TEXT.encode("utf-16-le"), r"^a\.txt:1: a NUL byte"),
    ],
)
def test_other_encodings_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", '{"text": "café"}\n', "JSON"),
        ("a.txt", "Obama visits\ncafé\n", r":2: .*found one column: 'café'"),
        ("a.txt", "Obama visits\nle café\n", r":1: unknown tag 'visits'"),
        ("a.txt", "café NN\nZoë O\n", r":1: byte 3 of the file is neither UTF-8"),  # types alone are no other format
        ("a.csv", "texte,café\n", "no column id, title, text"),
        ("a.jsonl", "Ann B-PER\ncafé O\n", "not JSON at line 1, column 1"),
    ],
)
def test_another_format_is_told_before_the_encoding(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name)


def test_all_files_of_other_encodings_are_told_at_once(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_bytes("caf\xe9 O\n".encode("utf-8" if split == "dev" else "latin-1"))
    with pytest.raises(ValueError, match=r"test\.txt:1: byte 3 .* \(likewise: .*train\.txt\)"):
        read_corpus(tmp_path)
