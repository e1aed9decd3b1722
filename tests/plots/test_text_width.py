from labkit.plots.step_axis import wrap_text
from labkit.plots.text_width import display_width, fit_text, split_chunks


def test_a_chinese_letter_is_as_wide_as_two_digits():
    assert [display_width(text) for text in ("", "BiLSTM", "学习率", "CRF 学习率", "，")] == [0, 6, 6, 10, 2]


def test_chunks_are_the_text_and_no_line_begins_with_what_ends_a_sentence():
    text = "BERT 的轮数，3 epochs。好！"
    assert "".join(split_chunks(text)) == text
    assert not [chunk for chunk in split_chunks(text) if chunk[0] in "，。！"]


def test_chinese_is_broken_where_a_line_is_full_and_english_between_words():
    assert wrap_text("编码器学习率太高", 6, 9) == "编码器\n学习率\n太高"
    assert wrap_text("the rate is too high", 9, 9) == "the rate\nis too\nhigh"
    assert wrap_text("the rate is too high", 9, 2) == "the rate\nis too …"
    assert wrap_text("", 9, 2) == ""


def test_a_long_chinese_name_takes_all_the_lines_it_may():
    lines = fit_text("人民日报语料下游学习率很小的一次实验，以及之后的另一次", 1.2, 2, 9.5).split("\n")
    assert len(lines) == 2
    assert len(lines[0]) > 5
    assert lines[1].endswith("…")
    assert fit_text("#1 下游 1e-2 · 批大小 8", 9.0, 2, 9.5) == "#1 下游 1e-2 · 批大小 8"
