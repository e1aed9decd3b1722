"""CoNLL-U: entities in MISC, by whatever key; ranges and empty nodes are no words."""

from pathlib import Path

import pytest

from tests.data.formats.samples import SENTENCES, pairs, read
from tests.data.formats.writers import format_conllu

# As Stanza's CoNLL.write_doc2conll writes: "ner" among other keys, in BIOES.
STANZA = """\
# text = Obama lives New York
# sent_id = 0
1\tObama\tObama\tPROPN\tNNP\tNumber=Sing\t2\tnsubj\t_\tstart_char=0|end_char=5|ner=S-PERSON
2\tlives\tlive\tVERB\tVBZ\t_\t0\troot\t_\tstart_char=6|end_char=11|ner=O
3\tNew\tNew\tPROPN\tNNP\t_\t2\tobl\t_\tner=B-GPE|start_char=15
4\tYork\tYork\tPROPN\tNNP\t_\t3\tflat\t_\tstart_char=19|ner=E-GPE

"""
# As the Norwegian treebank NorNE has it: ranges, empty nodes, no blank line at the end.
NORNE = """\
# newdoc
1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t3\tcase\t_\tname=O
2\tle\tle\tDET\t_\t_\t3\tdet\t_\tname=O
3\tOslo\tOslo\tPROPN\t_\t_\t0\troot\t_\tSpaceAfter=No|name=B-GPE_LOC
3.1\tgår\tgå\tVERB\t_\t_\t_\t_\t3:conj\t_
4\t.\t$.\tPUNCT\t_\t_\t3\tpunct\t_\t_"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "train.conllu"
    path.write_text(format_conllu(SENTENCES), encoding="utf-8")
    return path


def test_a_corpus_written_by_conllu_comes_back(path: Path) -> None:
    parsed = read(path)
    assert pairs(parsed) == SENTENCES
    assert parsed.notes == ["train.conllu: tags are read from ner= in the last column (MISC)."]


@pytest.mark.parametrize("name", ["a.conllu", "a.conll", "a.txt"])
@pytest.mark.parametrize("key", ["Entity", "NE", "NER", "name"])
def test_all_keys_are_read_under_all_endings(tmp_path: Path, name: str, key: str) -> None:
    (tmp_path / name).write_text(STANZA.replace("ner=", f"{key}="))
    expected = (("Obama", "lives", "New", "York"), ("S-PERSON", "O", "B-GPE", "E-GPE"))
    assert pairs(read(tmp_path / name)) == [expected]


def test_ranges_and_empty_nodes_are_no_words_and_lines_are_right(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_bytes(b"\xef\xbb\xbf" + NORNE.replace("\n", "\r\n").encode())
    parsed = read(tmp_path / "a.conllu")
    assert pairs(parsed) == [(("de", "le", "Oslo", "."), ("O", "O", "B-GPE_LOC", "O"))]
    assert [parsed.find_line(parsed.sentences[0], word) for word in range(4)] == [3, 4, 5, 7]


def test_a_key_whose_values_are_no_tags_gives_way_to_one_whose_are(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(STANZA.replace("ner=", "Entity=(e1-person|ner="))  # as in GUM
    assert "tags are read from ner=" in read(tmp_path / "a.conllu").notes[0]


def test_a_file_without_entities_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(NORNE.replace("name=", "x="))
    parsed = read(tmp_path / "a.conllu")
    assert parsed.sentences == []
    assert "no word has an entity" in str(parsed.missing_labels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STANZA.replace("ner=S-PERSON", "ner=PERSON"), r"^a\.conllu:3: unknown tag 'PERSON'"),
        (STANZA + "1\tx\ty\n", r"^a\.conllu:8: expected the 10 columns of CoNLL-U, separated by tabs; found 3"),
        (STANZA.replace("1\tObama", "#1\tObama"), r"^a\.conllu:3: expected the number of a word .* found '#1'"),
        (STANZA.replace("2\tlives", "b\tlives"), r"^a\.conllu:4: expected the number of a word .* found 'b'"),
        (STANZA.replace("ner=", "Entity=(1-person-giv:"), r"^a\.conllu:3: .* part of a coreference annotation"),
        ("# a\n\n", r"^a\.conllu:1: no words"),
    ],
)
def test_what_cannot_be_meant_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.conllu").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.conllu")
