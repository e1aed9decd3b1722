"""Texts to lines with words, without what must not be in them."""

import itertools
from pathlib import Path

import pytest

from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.decontamination import MIN_CHARACTERS, OVERLAP_CHARACTERS, OverlapIndex, remove_overlaps
from labkit.pretraining.segmentation import SegmentedLine, build_dictionary, segment
from labkit.pretraining.texts import (
    TextSource,
    deduplicate,
    normalize_text,
    prepare_sources,
    read_columns,
    read_plain,
    read_segmented,
    split_held_out,
)
from labkit.pretraining.training_data import PretrainingData, prepare_data


def lines(*texts: str) -> tuple[SegmentedLine, ...]:
    return tuple(SegmentedLine(text, (len(text),)) for text in texts)


def words_of(line: SegmentedLine) -> list[str]:
    ends = [sum(line.word_lengths[:number]) for number in range(len(line.word_lengths) + 1)]
    return [line.text[begin:end] for begin, end in itertools.pairwise(ends)]


# --- files


def test_tags_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("北 B-LOC\n京 E-LOC\n\n\n好\tO\n", encoding="utf-8")
    assert read_columns(tmp_path / "train.txt") == ["北京", "好"]


def test_words_come_without_their_tags_and_a_slash_is_a_word(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("迈向/v  充满/v\n\n//w  １/m\n", encoding="utf-8")
    assert read_segmented(tmp_path / "news.txt") == [["迈向", "充满"], ["/", "１"]]


@pytest.mark.parametrize("content", [None, "北京".encode("gb18030")])
def test_a_text_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"text .*text\.txt (cannot be read|is not UTF-8)"):
        read_plain(tmp_path / "text.txt")


# --- words


def test_the_longest_word_of_the_dictionary_wins_and_runs_of_letters_and_digits_are_one_word() -> None:
    known = build_dictionary([["北京", "北京大学", "大学生"]] * 2)
    found = segment("北京大学生在wto用3.5元。", known)
    assert words_of(found) == ["北京大学", "生", "在", "wto", "用", "3.5", "元", "。"]


def test_a_word_seen_once_is_in_no_dictionary() -> None:
    assert build_dictionary([["北京", "北京", "上海"]]) == {"北京"}


def test_words_of_a_segmented_text_are_its_own_and_those_of_others_are_found_by_them() -> None:
    news, talk = prepare_sources(
        {"news": [["今天", "下雨"], ["明天", "下雨"]]}, {}, {"talk": ["他说下雨了 WTO", "WTO"]}
    )
    assert [words_of(line) for line in news.lines] == [["今天", "下雨"], ["明天", "下雨"]]
    assert [words_of(line) for line in talk.lines] == [["他", "说", "下雨", "了", "wto"], ["wto"]]


def test_the_words_of_every_line_are_all_of_it(texts: list[TextSource]) -> None:
    assert all(sum(line.word_lengths) == len(line.text) for source in texts for line in source.lines)


def test_a_line_that_comes_twice_counts_once() -> None:
    assert deduplicate(TextSource("s", lines("甲", "乙", "甲", ""))).lines == lines("甲", "乙")


# --- held out


def test_what_is_held_out_is_not_trained_on_and_neighbours_stay_together() -> None:
    source = TextSource("s", lines(*(f"{number}" for number in range(100))), group_size=10)
    train, held = split_held_out(source, 0.3, seed=1)
    assert sorted(line.text for part in (train, held) for line in part.lines) == sorted(map(str, range(100)))
    assert held.lines
    groups = [{int(line.text) // 10 for line in part.lines} for part in (train, held)]
    assert not groups[0] & groups[1]


def test_no_part_of_the_held_out_text_is_trained_on(texts: list[TextSource], config: PretrainConfig) -> None:
    same = TextSource(
        "same", tuple(SegmentedLine(f"{line.text}再见", (*line.word_lengths, 2)) for line in texts[0].lines)
    )
    found = prepare_data([*texts, same], [], config)
    held = as_text(found, "held_out").split("\n")
    trained = as_text(found, "train")
    assert sum(stats.near_held_out for stats in found.source_stats) > 0
    assert not [line for line in held if len(line) >= OVERLAP_CHARACTERS and line[:OVERLAP_CHARACTERS] in trained]


# --- decontamination

TESTED = "二〇二六年的春天我们在西湖边上看见了许多远道而来的游客。"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TESTED, False),
        ("记者报道：" + TESTED[3 : 3 + OVERLAP_CHARACTERS] + "于是大家都笑了。", False),
        ("记者报道：" + TESTED[3 : 3 + OVERLAP_CHARACTERS - 1] + "于是大家都笑了。", True),
        ("（完）", False),
        ("（完）我们明天再说。", True),
        ("他说西湖的水很深很深。", False),
        ("西湖的水很深。", True),
    ],
)
def test_a_tested_sentence_is_found_whole_in_part_and_within_a_line(text: str, kept: bool) -> None:
    index = OverlapIndex.from_sentences(normalize_text(each) for each in (TESTED, "（完）", "西湖的水很深很深"))
    left, dropped = remove_overlaps(TextSource("s", lines(normalize_text(text))), index)
    assert bool(left.lines) is kept
    assert dropped.exact + dropped.overlapping == 1 - kept


def test_an_overlap_is_found_wherever_an_obvious_search_finds_it(texts: list[TextSource]) -> None:
    tested = [line.text for line in texts[0].lines[::7]]
    left, _ = remove_overlaps(texts[1], OverlapIndex.from_sentences(tested))

    def overlaps(text: str) -> bool:
        parts = [
            each[at : at + OVERLAP_CHARACTERS] for each in tested for at in range(len(each) - OVERLAP_CHARACTERS + 1)
        ]
        short = [each for each in tested if MIN_CHARACTERS <= len(each) < OVERLAP_CHARACTERS]
        return text in tested or any(part in text for part in (*parts, *short))

    assert [line.text for line in left.lines] == [line.text for line in texts[1].lines if not overlaps(line.text)]


def test_forms_of_a_character_do_not_hide_a_tested_sentence(texts: list[TextSource], config: PretrainConfig) -> None:
    tested = texts[0].lines[5].text
    wide = "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in tested)
    assert wide != tested
    found = prepare_data(texts, [wide], config)
    assert found.source_stats[0].exact == 1
    assert tested not in as_text(found, "train") + as_text(found, "held_out")


def as_text(data: PretrainingData, split: str) -> str:
    """A stream read back, a line between marks."""
    stream = getattr(data, split)
    return "".join("\n" if number == 3 else data.vocabulary[number] for number in stream.tokens)
