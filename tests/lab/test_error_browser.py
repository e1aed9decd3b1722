"""The browser of errors: which sentences are shown, how they are marked, and runs beside each other."""

import re

import pytest

from labkit.events import TypeScore
from labkit.i18n import translation
from labkit.lab import entity_html
from labkit.lab.error_browser import ANY_ERROR, DIFFERENT, EVERYTHING, PAGE_SIZE, ErrorBrowser
from labkit.lab.page_widgets import plain_text
from labkit.lab.type_scores_html import render_type_scores
from labkit.runs.compare import name_runs
from labkit.runs.entity_errors import ERROR_KINDS, Entity, match_entities
from labkit.runs.store import RunStore
from tests.runs.samples import scored, write_mistakes, write_run


@pytest.fixture(autouse=True)
def english_again(monkeypatch):
    monkeypatch.setattr(translation, "_language", None)


@pytest.fixture
def made(runs_folder):
    """The predictions of two runs, and a third run without any."""
    return [write_mistakes(write_run(runs_folder), seed=seed) for seed in (0, 1)] + [write_run(runs_folder)]


@pytest.fixture
def browser(made, runs_folder):
    return refreshed(ErrorBrowser(), runs_folder)


def refreshed(browser, folder):
    runs = RunStore(folder).runs()
    browser.refresh(runs, name_runs(runs))
    return browser


def listed(browser):
    """The numbers of the sentences shown."""
    return [int(number) - 1 for number in re.findall(r'labkit-errors-row"><span>(\d+)', browser.sentences.value)]


def of(sentences, wanted, types=None):
    """The numbers of the sentences with such a finding, the slow way."""
    return [
        number
        for number, told in sentences.items()
        if any(
            wanted(finding.kind) and (types is None or finding.types & types)
            for finding in match_entities(told.gold, told.predicted)
        )
    ]


def visible(widget):
    if widget.layout.display != "none":
        yield widget
        for child in getattr(widget, "children", ()):
            yield from visible(child)


def every_page(browser):
    found = listed(browser)
    while not browser.next_button.disabled:
        browser.next_button.click()
        found += listed(browser)
    return found


def test_the_newest_run_is_shown_with_all_its_errors_in_pages(browser, made):
    assert browser.run_menu.value == "run-0002"
    assert [value for _, value in browser.run_menu.options] == ["run-0002", "run-0001"], "those that kept predictions"
    wanted = of(made[1], lambda kind: kind != "correct")
    assert len(wanted) > PAGE_SIZE
    assert listed(browser) == wanted[:PAGE_SIZE]
    assert f"1–{PAGE_SIZE} of {len(wanted)}" in browser.count.value
    assert browser.previous_button.disabled
    assert every_page(browser) == wanted
    browser.previous_button.click()
    assert not browser.next_button.disabled


DIFFERENT_SENTENCES = "These runs were scored on different sentences"


@pytest.mark.parametrize("part", ["dev", "test"])
def test_bars_of_runs_on_other_sentences_say_that_they_do_not_compare(part):
    def told(*hashes):
        runs = [scored(split=part, **{f"{part}_sha256": each}) for each in hashes]
        found = {run: run.best if part == "dev" else run.test for run in runs}
        return render_type_scores({f"#{number}": (run, found[run]) for number, run in enumerate(runs)})

    assert DIFFERENT_SENTENCES in told("one", "other")
    assert DIFFERENT_SENTENCES not in told("one", "one") + told("one")


def test_without_a_gold_entity_there_is_no_score_of_a_type_or_of_all():
    types = {"LOC": TypeScore(0.5, 0.5, 0.5, 4), "PER": TypeScore(0.0, 0.0, 0.0, 0)}
    run = scored(types=types, gold=4)
    assert render_type_scores({"#1": (run, run.best)}).count("labkit-types-bar") == 2, "LOC and all types"
    run = scored(0.0, types={"PER": types["PER"]}, gold=0)
    told = render_type_scores({"#1": (run, run.best)})
    assert "labkit-types-bar" not in told
    assert "0.000" not in told


@pytest.mark.parametrize("kind", ERROR_KINDS)
@pytest.mark.parametrize("name", ["", "PER"])
def test_errors_are_filtered_by_kind_and_by_type(browser, made, kind, name):
    browser.type_menu.value, browser.kind_menu.value = name, kind
    assert every_page(browser) == of(made[1], lambda found: found == kind, {name} if name else None)


def test_two_runs_are_shown_on_the_same_sentences_and_where_they_differ(browser, made):
    browser.other_run_menu.value = "run-0001"
    assert every_page(browser) == sorted(
        {*of(made[0], ERROR_KINDS.__contains__), *of(made[1], ERROR_KINDS.__contains__)}
    )
    browser.kind_menu.value = DIFFERENT
    both = sorted({*made[0], *made[1]})
    differ = [n for n in both if predicted(made[0], n) != predicted(made[1], n)]
    assert every_page(browser) == differ
    assert "--runs: 2" in browser.sentences.value
    assert browser.scores.value.count("labkit-types-bar") == 2 * 3  # LOC, PER, all types
    browser.other_run_menu.value = ""
    browser.kind_menu.value = EVERYTHING
    assert every_page(browser) == list(made[1])


def predicted(sentences, number):
    return sentences[number].predicted if number in sentences else []


def test_where_two_differ_a_second_run_is_asked_for(browser):
    browser.other_run_menu.value = ""
    browser.kind_menu.value = DIFFERENT
    assert "Choose a second run" in browser.sentences.value
    translation.set_language("zh")
    browser.retranslate()
    assert "再选一个实验" in browser.sentences.value


def test_a_part_without_predictions_and_runs_of_different_sentences_are_told_in_words(browser, runs_folder):
    browser.split_menu.value = "test"
    assert "#2 kept no predictions on this part." in browser.sentences.value
    assert browser.next_button.disabled
    write_mistakes(runs_folder / "run-0001", sentences=60)
    browser.split_menu.value, browser.other_run_menu.value = "dev", "run-0001"
    assert "different corpora" in browser.sentences.value


def test_a_file_written_anew_is_read_anew_and_a_chosen_run_stays(browser, runs_folder):
    browser.run_menu.value = "run-0001"
    write_mistakes(write_run(runs_folder), seed=4)
    refreshed(browser, runs_folder)
    assert browser.run_menu.value == "run-0001"
    browser.run_menu.value = "run-0004"
    write_mistakes(write_run(runs_folder), seed=5)
    refreshed(browser, runs_folder)
    assert browser.run_menu.value == "run-0005", "who looked at the newest goes on doing so"


def test_without_any_predictions_there_is_a_hint_only(runs_folder):
    write_run(runs_folder)
    browser = refreshed(ErrorBrowser(), runs_folder)
    assert plain_text(browser.widget) == "As soon as a run has ended, its errors are shown here."
    assert not {browser.run_menu, browser.kind_menu} & set(visible(browser.widget))


def test_what_comes_from_data_is_escaped_and_chinese_is_written_without_spaces(runs_folder):
    write_mistakes(write_run(runs_folder), chinese=True)
    browser = refreshed(ErrorBrowser(), runs_folder)
    browser.kind_menu.value = EVERYTHING
    assert "<b>新" not in browser.sentences.value
    assert "今天没有&lt;b&gt;新闻" in re.sub(r"</?(?:u|em|small|span)[^>]*>|invented: PER", "", browser.sentences.value)


def test_gold_is_underlined_predicted_shaded_and_both_are_named():
    words = ["王", "小", "明", "在", "京"]
    gold, told = [Entity("PER", 0, 3), Entity("LOC", 4, 5)], [Entity("PER", 1, 3), Entity("ORG", 4, 5)]
    shown = entity_html.render_sentence(words, "", match_entities(gold, told))
    boundary, kind = "labkit-kind-wrong-boundary", "labkit-kind-wrong-type"
    assert f'<u class="{boundary}">王</u><u class="{boundary}"><em class="{boundary}">小明</em></u>' in shown
    assert f'<u class="{kind}"><em class="{kind}">京</em></u>' in shown
    assert ">wrong boundary: PER<" in shown
    assert ">LOC taken for ORG<" in shown
    assert "corpus: PER 王小明; predicted: PER 小明" in shown
    assert re.sub(r"<small.*?</small>|<[^>]+>", "", shown) == "".join(words)


def test_the_language_changes_and_what_is_chosen_stays(browser):
    browser.kind_menu.value, browser.type_menu.value = "missed", "PER"
    before = listed(browser)
    translation.set_language("zh")
    browser.retranslate()
    assert (browser.kind_menu.value, browser.type_menu.value) == ("missed", "PER")
    assert browser.kind_menu.label == "漏识别"
    assert listed(browser) == before
    assert "漏识别：PER" in browser.sentences.value
    assert ANY_ERROR not in browser.sentences.value
