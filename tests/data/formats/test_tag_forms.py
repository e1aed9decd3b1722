"""Forms of tags: those that people write are read and told, others are refused with a hint at the cause."""

from pathlib import Path

import pytest

from labkit.data.corpora import Corpus, read_corpus

IO = "No tag begins with B-: read as IO, in which neighbours of one type are one entity."


def read(folder: Path, *tags: str) -> Corpus:
    """A sentence with these tags, separated by a tab, beside a dev split of another one."""
    text = "".join(f"w{place}\t{tag}\n" for place, tag in enumerate(tags))
    (folder / "train.txt").write_text(text)
    (folder / "dev.txt").write_text(text.replace("w", "v"))
    return read_corpus(folder)


@pytest.mark.parametrize(
    ("tags", "expected"),
    {
        "types alone": (("O", "PER", "PER", "LOC"), ("O", "B-PER", "I-PER", "B-LOC")),
        "types with a hyphen": (("O", "person-actor", "art-other"), ("O", "B-person-actor", "B-art-other")),
        "in Chinese": (("O", "人名", "人名"), ("O", "B-人名", "I-人名")),
        "I- only": (("O", "I-PER", "I-PER", "O", "I-PER"), ("O", "B-PER", "I-PER", "O", "B-PER")),
        "I alone": (("O", "I", "I"), ("O", "B-ENTITY", "I-ENTITY")),
    }.values(),
)
def test_tags_that_do_not_say_where_an_entity_begins_are_read_as_io_and_told(
    tmp_path: Path, tags: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    corpus = read(tmp_path, *tags)
    assert (corpus.train[0].tags, corpus.scheme, corpus.notes[-1]) == (expected, "IO", IO)


def test_io_is_not_told_where_one_tag_begins_with_b(tmp_path: Path) -> None:
    assert (read(tmp_path, "O", "I-X", "B-X").scheme, read(tmp_path, "O", "B-X", "O").notes) == ("IOB1", ())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (("O", "B", "I", "B"), ("O", "B-ENTITY", "I-ENTITY", "B-ENTITY")),
        (("S", "B", "E"), ("B-ENTITY", "B-ENTITY", "I-ENTITY")),
    ],
)
def test_letters_alone_are_entities_of_one_type(
    tmp_path: Path, tags: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    corpus = read(tmp_path, *tags)
    assert corpus.train[0].tags == expected
    assert f"{tmp_path}/train.txt: the tags have no type; all entities are of the type ENTITY." in corpus.notes


@pytest.mark.parametrize("tag", ["B-movie title", "movie title"])
def test_a_type_with_a_space_is_read_with_an_underscore(tmp_path: Path, tag: str) -> None:
    corpus = read(tmp_path, "O", tag)
    assert corpus.types == ("movie_title",)
    assert f"{tmp_path}/train.txt: white space in 1 tags replaced by _, as in '{tag}'." in corpus.notes


@pytest.mark.parametrize(
    ("tags", "hint"),
    [
        (("O", "PER-B", "PER-I"), "2: unknown tag 'PER-B'.*the letter goes in front of the type"),
        (("O", "B:PER", "I:PER"), "2: unknown tag 'B:PER'.*a hyphen between the letter and the type"),
        (("O", "B-PER", "X"), "3: unknown tag 'X'.*a mark of a tokenizer's pieces: write whole words"),
        (("[CLS]", "O", "PER"), r"1: unknown tag '\[CLS\]'.*tokenizer"),
        (("0", "3", "0"), "1: unknown tag '0'.*a number: write the name of the tag"),
        (("O", "PER", "b-LOC"), "3: unknown tag 'b-LOC'.*capital letters"),
        (("NN", "VB", "DT"), "1: unknown tag 'NN'.*does each line hold a word, and the tag last.*have the tag O"),
        (("other", "PER", "PER"), "1: unknown tag 'other'.*write O for words outside of entities"),
        (("B-PER", "_", "B-PER"), "2: unknown tag '_'.*write O for words outside of entities"),
        (("O\t-", "B-PER\t-", "O\t-"), "1: unknown tag '-'.*O in front of it looks like the tag"),
        (("B-PER\t_\t_", "O\t_\t_"), "1: unknown tag '_'.*B-PER in front of it looks like the tag"),
        (("O", "B-X\tNN", "O"), "2: unknown tag 'NN'.*B-X in front of it looks like the tag"),
        (("O", *(f"word{number}" for number in range(300))), "2: unknown tag 'vord0'"),
    ],
)
def test_other_forms_are_refused_with_a_hint(tmp_path: Path, tags: tuple[str, ...], hint: str) -> None:
    with pytest.raises(ValueError, match=rf"dev\.txt:{hint}"):
        read(tmp_path, *tags)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("O\tEU\nB-PER\tAnn\n", "1: unknown tag 'EU'.*the words look like tags: are the columns swapped"),
        ("Ann sees Bob .\nBob sees nobody\n", "1: unknown tag '.'.*does each line hold a word, and the tag last"),
        ("EU/B-ORG wins/O\nso/O it/O", "1: unknown tag 'wins/O'.*words and tags are joined: write a word a line"),
        ("Ann sees Bob .\tB-X\nBob sees nobody today\tB-Y\n", "1: most words are whole sentences, such as 'Ann sees"),
        ("Up B-MOVIE TITLE\nso O\n", "1: unknown tag 'TITLE'.*B-MOVIE in front of it looks like the tag: .*no space"),
        ("[CLS] [CLS]\nso O\n", r"1: unknown tag '\[CLS\]'.*tokenizer"),
        ("Ann sits here\tB-X O O\nBob sits\tB-Y O\n", "1: unknown tag 'B-X O O'.*a sentence a line"),
        ("\nAnn B-X sits O here O\n\nBob B-Y sits O\n", "2: a sentence a line; expected a line for each word"),
        ("Ann\tB-X\tsits\tO\tby\tO\tUlm\tB-Y\n" * 2, "1: a sentence a line; expected a line for each word"),
        ("token pos label\nso RB O\nEU NNP B-ORG\n", "1: the header of a table"),
        ("Token NER\nso O\nEU ORG\n", "1: the header of a table"),
    ],
)
def test_lines_of_another_form_are_refused_with_a_hint(tmp_path: Path, text: str, hint: str) -> None:
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(ValueError, match=rf"train\.txt:{hint}"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("EU NNP O B-NP O B-ORG\nso RB O B-ADVP O O\n\n", ("ORG",)),  # six columns, of which three hold tags
        ("EU NNP B-NP B-ORG\nso RB B-ADVP O\n\n", ("ORG",)),
        ("EU B-ORG\nand x O y O B-ORG\nso O\n\n", ("ORG",)),  # one line of more columns
        ("Ann\tB-O\nso\tO\n\n", ("O",)),
        ("tag\tO\nlabel\tO\nEU\tlabel\n\n", ("label",)),  # as of music
        ("so\tO\nAnn\tother\n\n", ("other",)),
    ],
)
def test_sane_lines_that_look_alike_are_read(tmp_path: Path, text: str, types: tuple[str, ...]) -> None:
    (tmp_path / "train.txt").write_text(text * 4)
    assert read_corpus(tmp_path).types == types


def test_types_alone_beside_another_scheme_are_told_as_the_cause(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("so\tO\nAnn\tPER\n\n" * 3)
    (tmp_path / "dev.txt").write_text("so\tO\nBob\tB-PER\nSmith\tI-PER\n")
    with pytest.raises(ValueError, match=r"dev\.txt:2: illegal .* No tag of \S+train\.txt begins with B-.*Repair tags"):
        read_corpus(tmp_path)
    corpus = read_corpus(tmp_path, repair=True)
    assert (corpus.train[0].tags, corpus.dev[0].tags) == (("O", "B-PER"), ("O", "B-PER", "I-PER"))


def test_a_placeholder_behind_chunks_as_in_conll_2003_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("EU NNP B-NP B-ORG\n\n" * 4)
    (tmp_path / "test.txt").write_text("UN NNP B-NP _\nis VBZ B-VP _\n")
    corpus = read_corpus(tmp_path)
    assert corpus.test == ()
    assert corpus.notes[0] == f"{tmp_path}/test.txt is not scored: every tag is _."


def test_the_conll_of_label_studio_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(
        "-DOCSTART- -X- O\nAnn -X- _ B-PER\nworks -X- _ O\n\nBob -X- _ B-PER\nSmith -X- _ I-PER\n\n"
    )
    (tmp_path / "dev.conll").write_text("-DOCSTART- -X- O\nso -X- _ O\nUlm -X- _ B-PER\n\n")
    corpus = read_corpus(tmp_path)
    assert [(sentence.words, sentence.tags) for sentence in corpus.train] == [
        (("Ann", "works"), ("B-PER", "O")),
        (("Bob", "Smith"), ("B-PER", "I-PER")),
    ]
    assert (corpus.warnings, len(corpus.notes)) == ((), 2)  # of the -DOCSTART- lines


def test_types_alone_are_read_in_json_too(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text('{"tokens": ["so", "Ann"], "ner_tags": ["O", "PER"]}\n' * 3)
    assert read_corpus(tmp_path).types == ("PER",)
