"""Language of the lab: chosen, complete in Chinese, switched without loss."""

import html
import re

import pytest

from labkit.config import RunConfig, run_settings
from labkit.data.corpus_counts import count_corpus
from labkit.i18n import translation
from labkit.i18n.translation import tr
from labkit.lab import run_html, time_bar_html
from labkit.lab.run_rows import RunRows, collect_table_texts
from labkit.lab.settings_form import SettingsForm, describe_rate_ratio
from labkit.lab.try_it import render_prediction
from labkit.messages import message_of
from labkit.plots import fonts
from labkit.plots.live import LivePlot, compare_figure, figure_of
from labkit.runs.compare import name_runs
from labkit.runs.curves import AXES
from labkit.runs.store import Run, RunStore
from tests.plots.test_plots import run_of
from tests.plots.test_plots import words as words_of
from tests.runs.samples import events, write_run

# Latin words that Chinese engineers use as they are, and what samples are called.
LATIN = "token CPU GPU BERT CRF BiLSTM LSTM IDCNN F1 AdamW LayerNorm Dropout BIO auto bfloat MIG NVML macOS Hugging"
LATIN += " Face Hub accelerate tensorboard trace labkit float linear staircase minilm wnut GiB MiB softmax tanh Some"
LATIN += " LOC PER"
KNOWN = {word.lower() for word in LATIN.split()}


@pytest.fixture(autouse=True)
def english_again(monkeypatch):
    monkeypatch.delenv("LABKIT_LANGUAGE", raising=False)
    monkeypatch.setattr(translation, "_language", None)


@pytest.fixture
def chinese():
    translation.set_language("zh")


# Choosing.


@pytest.mark.parametrize("name", ["zh", "zh-CN", "zh_CN.UTF-8", " ZH "])
def test_the_environment_decides_where_nobody_has_chosen(monkeypatch, name):
    assert translation.get_language() == "en"
    monkeypatch.setenv("LABKIT_LANGUAGE", name)
    assert translation.get_language() == "zh"
    translation.set_language("en")
    assert translation.get_language() == "en"


def test_a_language_that_the_lab_does_not_speak_is_an_error_that_names_those_it_does(monkeypatch):
    with pytest.raises(ValueError, match="language must be one of en, zh, not 'tlh'"):
        translation.set_language("tlh")
    monkeypatch.setenv("LABKIT_LANGUAGE", "xx")
    with pytest.raises(ValueError, match="LABKIT_LANGUAGE must be one of en, zh"):
        translation.get_language()


def test_what_is_in_no_catalogue_stays_as_it_is(chinese):
    assert tr("an {odd} text") == "an {odd} text"
    assert tr("an {odd} text", odd=1) == "an 1 text"


# Nothing stays English.


def english_in(text):
    """Latin words of a text or of HTML that no Chinese engineer would write."""
    plain = html.unescape(re.sub(r"<(code|pre)>.*?</\1>|<[^>]*>", " ", text))
    plain = re.sub(r"\S*/\S+|https?:\S+|\([^()]*\d{4}[^()]*\)", " ", plain)
    return [word for word in re.findall(r"[A-Za-z]{3,}", plain) if word.lower() not in KNOWN]


@pytest.mark.parametrize("state", ["completed", "stopped", "failed", "interrupted", "running", "starting", "queued"])
def test_all_that_is_said_of_a_run_is_chinese(runs_folder, state, chinese):
    run = Run(write_run(runs_folder, RunConfig(), state=state))
    told = [
        run_html.render_status(run, "#1"),
        run_html.render_queue([run], {}),
        time_bar_html.render_time_bar(run),
        time_bar_html.render_time_bars([run], {}),
    ]
    told += [run_html.render_details(run).replace("2 tags repaired.", "")]
    assert [english_in(each) for each in told] == [[]] * len(told)


@pytest.mark.parametrize("unfolded", [True, False])
def test_controls_say_all_in_chinese_and_keep_what_was_set_and_typed(unfolded):
    controls = SettingsForm(RunConfig(downstream="none", crf_rate=None, epochs=7))
    if unfolded:
        controls.advanced_button.value = True
    controls.batch_size.field.value = "17"
    controls.encoder_rate.field.value = "fast"
    before, heard = controls.config(), []
    controls.on_change(heard.append)
    translation.set_language("zh")
    controls.retranslate()
    for name, setting in run_settings().items():
        control = getattr(controls, name)
        assert control.input.description == tr(setting.label)
        assert english_in(controls._assets.helps[name]) == [], name
    assert controls.config() == before
    assert heard == []
    assert controls.encoder_rate.field.value == "fast"
    assert "'fast' 不是数字" in html.unescape(controls.encoder_rate._error.value)
    assert controls.crf_rate.field.value == "同下游"
    assert dict(controls.downstream.input.options)["无"] == "none"
    assert controls.downstream.input.label == "无"
    assert english_in(controls._ratio.value) == []
    for menu in (controls._preset_menus.pair, controls._preset_menus.preset):
        assert english_in(menu.description + " ".join(dict(menu.options)).replace("msra", "")) == []
    assert english_in(controls._assets.helps["preset"]) == []
    controls.crf_rate.field.value = "1e-3"
    controls.crf_rate.field.value = "同下游"
    assert controls.crf_rate.value is None
    for rate in (None, 0.0, 0.1):
        assert english_in(describe_rate_ratio(RunConfig(crf_rate=rate))) == []


def test_an_open_menu_for_any_other_name_stays_open():
    controls = SettingsForm()
    controls.corpus.input.value = "other…"
    translation.set_language("zh")
    controls.retranslate()
    assert controls.corpus.input.value == "其他…"
    assert controls.corpus.other.layout.display == ""
    controls.corpus.other.value = "mine"
    assert controls.corpus.value == "mine"


def test_the_table_of_runs_has_chinese_heads_and_names(runs_folder, chinese):
    for epochs, downstream in ((2, "none"), (3, "bilstm")):
        write_run(runs_folder, RunConfig(epochs=epochs, downstream=downstream, head_rate=epochs * 1e-3))
    columns, rows = RunRows().build(RunStore(runs_folder).runs())
    assert [english_in(column["label"] + column["help"]) for column in columns] == [[]] * len(columns)
    assert rows[0]["name"] == "下游 3e-3 · 3 轮 · BiLSTM"
    assert rows[1]["name"] == "编码器 5e-5 · 下游 2e-3 · 2 轮"
    assert collect_table_texts()["completed"] == "已完成"


def test_rows_are_made_anew_in_another_language(runs_folder):
    for epochs in (2, 3):
        write_run(runs_folder, RunConfig(epochs=epochs))
    rows, runs = RunRows(), RunStore(runs_folder).runs()
    assert rows.build(runs)[1][0]["name"] == "3 epochs"
    translation.set_language("zh")
    assert rows.build(runs)[1][0]["name"] == "3 轮"


def test_entities_found_are_told_in_chinese(runs_folder, chinese):
    run = Run(write_run(runs_folder, RunConfig()))
    for count in range(3):
        found = [{"type": "PER", "start": place, "end": place + 1, "confidence": 0.5} for place in range(count)]
        assert english_in(render_prediction("王小明", {"entities": found, "seconds": 0.1}, run)) == []


def test_notes_and_errors_of_a_corpus_are_chinese_on_the_page(tmp_path, monkeypatch, chinese):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    good = "Anna\tB-ENTITY\nSmith\tI-ENTITY\nwent\tO\n\n" * 9
    (tmp_path / "train.txt").write_text(f"# one\n{good}in\tO\nRome\tI-ENTITY\n")
    (tmp_path / "dev.txt").write_text(good + "".join(f"so{number}\tO\n\n" for number in range(10)))
    (tmp_path / "test.csv").write_text("id,title,text,unknownEntities\n1,题,有甲公司,乙;甲公司;丙\n", encoding="utf-8")
    read, cached = (count_corpus(str(tmp_path), dev_share=0.2, repair=True, types="").notes for _ in range(2))
    page = html.unescape(run_html.render_corpus_notes(cached))
    assert {*english_in(page)} == {"ENTITY"}
    assert tuple(map(tr, cached)) == tuple(map(tr, read))
    assert "O 之后出现 I-ENTITY，而 BIO 要求实体以 B-ENTITY 开头" in page
    assert "第 2 行的 '乙'，第 2 行的 '丙'。" in page
    assert "验证集的 19 句中有 9 句与训练集逐词相同" in page
    with pytest.raises(ValueError, match="illegal tag sequence") as raised:
        count_corpus(str(tmp_path), dev_share=0.2, repair=False, types="")
    assert "train.txt 第 39 行：标签序列不合法：O 之后出现 I-ENTITY" in tr(message_of(raised.value))


# Pictures.

needs_font = pytest.mark.skipif(not fonts.has_chinese(), reason="no Chinese font is installed")


@needs_font
@pytest.mark.parametrize("state", ["completed", "failed", "running", "queued", "starting"])
def test_pictures_of_a_run_are_chinese(chinese, state):
    assert english_in(" ".join(words_of(figure_of(run_of(events(steps=60, state=state)))))) == []


@needs_font
@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
@pytest.mark.parametrize("x", AXES)
def test_comparisons_are_chinese(runs_folder, chinese, layout, x):
    for epochs, state in ((2, "completed"), (3, "stopped"), (4, "running")):
        write_run(runs_folder, RunConfig(epochs=epochs), state=state)
    assert english_in(" ".join(words_of(compare_figure(RunStore(runs_folder).runs(), x, layout)))) == []


@needs_font
def test_a_live_picture_is_drawn_anew_in_another_language():
    plot, run = LivePlot(), run_of(events(steps=60))
    english = plot.draw(run)
    assert plot.draw(run) is english
    translation.set_language("zh")
    assert plot.draw(run) != english


def test_without_a_chinese_font_pictures_stay_english_and_chinese_names_are_left_out(runs_folder, chinese, monkeypatch):
    monkeypatch.setattr(fonts, "has_chinese", lambda: False)
    store = RunStore(runs_folder)
    for epochs in (2, 3):
        write_run(runs_folder, RunConfig(epochs=epochs))
    store.rename(store.runs()[0], "我的实验 x")
    found = words_of(compare_figure(store.runs(), layout="overlaid"))
    assert "F1 on dev (higher is better)" in found
    assert "#1 … x" in found
    assert "#2 3 epochs" in found
    assert not [text for text in found if fonts.HAN.search(text)]
    assert name_runs(store.runs(), tr)[store.runs()[1].folder] == "#2 3 轮"


def test_a_font_that_was_installed_since_is_found(monkeypatch, tmp_path):
    """matplotlib keeps its list of fonts for years."""
    added, known = [], ["DejaVu Sans"]
    monkeypatch.setattr(fonts.font_manager, "get_font_names", lambda: known)
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: [str(tmp_path / "new.ttc")])

    def add(path):
        added.append(path)
        known.append("WenQuanYi Micro Hei")

    monkeypatch.setattr(fonts.font_manager.fontManager, "addfont", add)
    fonts.font_families.cache_clear()
    fonts.has_chinese.cache_clear()
    try:
        assert fonts.has_chinese()
        assert added == [str(tmp_path / "new.ttc")]
        assert fonts.font_families() == ["DejaVu Sans", "WenQuanYi Micro Hei"]
    finally:
        fonts.font_families.cache_clear()
        fonts.has_chinese.cache_clear()
