"""`labkit check` and `labkit convert`: a corpus before it is trained on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.data.corpora import read_corpus

BIO = "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\nno\tO\n\nEU\tB-ORG\n\nAnna\tB-PER\nLee\tI-PER\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.txt").write_text(BIO)
    return folder


def test_check_tells_what_would_be_read(labkit: Callable[..., Any], corpus: Path) -> None:
    said = labkit("check", corpus)
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0] == f"train: {corpus}/train.txt, read as conll"
    assert lines[1].startswith("train: 4 sentences")
    assert any("split off for dev" in line for line in lines)


def test_check_as_json_counts_entities_by_type(labkit: Callable[..., Any], corpus: Path) -> None:
    facts = json.loads(labkit("check", corpus, "--json").out)
    counts = [split["entities"] for split in facts["splits"].values()]
    assert {name: sum(one.get(name, 0) for one in counts) for name in ("ORG", "PER")} == {"ORG": 2, "PER": 2}
    assert facts["problem"] is None


def test_check_tells_the_shape_of_json(labkit: Callable[..., Any], tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{name} won.", "label": [[0, len(name), "PER"]]}) for name in ("Anna", "Ben", "Eve")]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    assert labkit("check", tmp_path / "all.jsonl").out.startswith(f"train: {tmp_path}/all.jsonl, read as doccano\n")
    facts = json.loads(labkit("check", tmp_path / "all.jsonl", "--json").out)
    assert facts["files"]["train"][0]["format"] == "doccano"


def test_check_ends_with_1_where_training_would_be_refused(labkit: Callable[..., Any], corpus: Path) -> None:
    (corpus / "train.txt").write_text("EU B_ORG\n")
    said = labkit("check", corpus)
    assert said.code == 1
    assert "cannot be trained on" in said.out
    assert "a hyphen, not an underscore" in said.out
    assert json.loads(labkit("check", corpus, "--json").out)["problem"]


def test_types_are_mapped_and_unknown_ones_refused_with_those_there_are(
    labkit: Callable[..., Any], corpus: Path, tmp_path: Path
) -> None:
    facts = json.loads(labkit("check", corpus, "--types", "PER=PERSON, ORG=", "--json").out)
    assert {name for split in facts["splits"].values() for name in split["entities"]} == {"PERSON"}
    assert "Types changed, with their entities: ORG → O (2), PER → PERSON (2)." in facts["notes"]
    said = labkit("check", corpus, "--types", "GPE=LOC")
    assert (said.code, "the corpus has no GPE, but ORG (2), PER (2)" in said.out) == (1, True)
    labkit("convert", corpus, "--to", tmp_path / "made", "--types", "*=ENT")
    assert set(read_corpus(tmp_path / "made").types) == {"ENT"}


def test_convert_writes_what_was_read(labkit: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert labkit("convert", corpus, "--to", made).out.strip() == str(made)
    read, again = read_corpus(corpus), read_corpus(made)
    assert (again.train, again.dev) == (read.train, read.dev)
    said = labkit("convert", corpus, "--to", made)
    assert (said.code, "is not empty" in said.err) == (1, True)


def test_a_test_split_that_is_not_scored_is_written_without_tags(
    labkit: Callable[..., Any], corpus: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    for content, name in (("Rome\nwon\n\nUlm\n", "test.txt"), ('{"text": "Rome won"}\n{"text": "Ulm"}', "test.jsonl")):
        (corpus / name).write_text(content)
        assert "is written with _ for its tags" in labkit("convert", corpus, "--to", made).err
        assert (made / "test.txt").read_text() == "Rome\t_\nwon\t_\n\nUlm\t_\n"
        assert read_corpus(made).test == ()
        (corpus / name).unlink()
        shutil.rmtree(made)
    assert "not scored" not in labkit("convert", corpus, "--to", made).err


def test_words_that_conll_cannot_hold_are_written_otherwise_and_counted(
    labkit: Callable[..., Any], tmp_path: Path
) -> None:
    words = ["-DOCSTART-", "a\tb", " c ", "d e"]
    records = [{"tokens": [word, str(n)], "ner_tags": ["B-X", "O"]} for n, word in enumerate(words * 2)]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, records)))
    said = labkit("convert", tmp_path / "all.jsonl", "--to", tmp_path / "made")
    assert "6 words are written as CoNLL can hold them" in said.err
    read = read_corpus(tmp_path / "made")
    assert sorted(one.words[0] for one in (*read.train, *read.dev)) == sorted(["DOCSTART", "a b", "c", "d e"] * 2)


def test_words_of_white_space_become_full_width_spaces(labkit: Callable[..., Any], tmp_path: Path) -> None:
    table = "id,title,text,unknownEntities\n" + "".join(f'{n},,"在 甲{n}\n了",甲{n}\n' for n in range(9))
    (tmp_path / "all.csv").write_text(table, encoding="utf-8")
    said = labkit("convert", tmp_path / "all.csv", "--to", tmp_path / "made")
    assert "18 words of white space are written as a full-width space." in said.err
    read, again = read_corpus(tmp_path / "all.csv"), read_corpus(tmp_path / "made")
    assert [one.tags for one in again.train] == [one.tags for one in read.train]
    assert again.train[0].words == tuple(word if word.strip() else "\u3000" for word in read.train[0].words)
