"""KLUE: the space is a character with a tag of its own.

No writer exists: the samples follow `klue-ner-v1.1_train.tsv` (github.com/KLUE-benchmark/KLUE).
"""

from pathlib import Path

import pytest

from tests.data.formats.samples import pairs, read

KLUE = (
    "## klue-ner-v1_train_00000-nsmc\t<박씨:PS> 왔다.\n박\tB-PS\n씨\tI-PS\n \tO\n왔\tO\n다\tO\n.\tO\n\n"
    "## klue-ner-v1_train_00001-nsmc\t# <3:QT>\n#\tO\n \tO\n3\tB-QT\n"
)
READ = [
    (("박", "씨", " ", "왔", "다", "."), ("B-PS", "I-PS", "O", "O", "O", "O")),
    (("#", " ", "3"), ("O", "O", "B-QT")),
]


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("\n", "\r\n"), ("## klue-ner-v1_train_00000", "\ufeff## 0"), ("\n\n", "\n\n\n"), ("\n\n", "\n")],
)
def test_spaces_are_characters(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "klue-ner-v1.1_train.tsv"
    path.write_bytes((KLUE.replace(old, new) if old else KLUE).encode())
    parsed = read(path)
    assert (pairs(parsed), parsed.notes) == (READ, [])


def test_a_space_at_both_ends_of_an_entity_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(KLUE)
    parsed = read(tmp_path / "a.tsv")
    assert parsed.find_line(parsed.sentences[1], 2) == 12


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x", r"^a\.tsv:13: expected a character, a tab and its tag, as in KLUE; found 'x'"),
        ("\tO", r"^a\.tsv:13: expected a character"),
        ("## klue-ner-v1_train_00009\tx\tO", r"^a\.tsv:13: unknown tag"),  # a line end is lost
        ("x\tPS", r"^a\.tsv:13: unknown tag 'PS'"),
    ],
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "a.tsv").write_text(KLUE + line)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.tsv")


@pytest.mark.parametrize("text", ["a\tO\n", "## a\n", "# a\nb\tO\n", "##\tO\nb\tO\n", "## a\nbc\tO\n"])
def test_other_files_of_columns_are_not_taken_for_it(tmp_path: Path, text: str) -> None:
    from labkit.data.formats import FORMATS, format_of

    (tmp_path / "a.tsv").write_text(text)
    assert format_of(tmp_path / "a.tsv") is FORMATS["conll"]
