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


def test_scores_of_two_runs_have_their_difference_and_are_sorted_by_it():
    def types(**scores):
        return {name: TypeScore(f1, f1, f1, count) for name, (f1, count) in scores.items()}

    first, second = types(LOC=(0.5, 4), PER=(0.75, 3), ORG=(0.0, 0)), types(LOC=(0.6, 4), PER=(0.25, 3))
    runs = {"#1": scored(0.6, types=first).best, "#2": scored(0.5, types=second).best}
    told = [re.sub("<[^>]+>", " ", render_type_scores(runs, by_difference)) for by_difference in (False, True)]
    assert told[0].count("F1, precision / recall") == 2
    assert [re.findall(r"[+-]0\.\d+", each) for each in told] == [
        ["-0.100", "+0.500", "+0.100"],
        ["+0.500", "-0.100", "+0.100"],
    ]
    assert "+" not in re.sub("<[^>]+>", " ", render_type_scores({"#1": runs["#1"], "#2": None}, True))


def test_without_a_gold_entity_there_is_no_score_of_a_type_or_of_all():
    types = {"LOC": TypeScore(0.5, 0.5, 0.5, 4), "PER": TypeScore(0.0, 0.0, 0.0, 0)}
    run = scored(types=types, gold=4)
    assert render_type_scores({"#1": run.best}).count("labkit-types-bar") == 2, "LOC and all types"
    run = scored(0.0, types={"PER": types["PER"]}, gold=0)
    told = render_type_scores({"#1": run.best})
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


def offered(menu):
    return [value for _, value in menu.options]


def test_only_what_there_is_to_see_is_offered(browser, runs_folder):
    write_mistakes(write_run(runs_folder, dev_sha256="other"))
    refreshed(browser, runs_folder)
    browser.run_menu.value = "run-0002"
    assert offered(browser.other_run_menu) == ["", "run-0001"], "those scored on the same sentences"
    assert DIFFERENT not in offered(browser.kind_menu)
    browser.other_run_menu.value = "run-0001"
    assert DIFFERENT in offered(browser.kind_menu)
    write_mistakes(runs_folder / "run-0002", part="test")
    refreshed(browser, runs_folder)
    assert offered(browser.split_menu) == ["dev"]
    browser.other_run_menu.value = ""
    assert offered(browser.split_menu) == ["dev", "test"]


def test_runs_of_different_sentences_are_told_in_words(browser, runs_folder):
    write_mistakes(runs_folder / "run-0001", sentences=60)
    browser.other_run_menu.value = "run-0001"
    assert "different corpora" in browser.sentences.value
    assert browser.next_button.disabled


def test_chosen_runs_stay_when_another_one_ends_and_in_the_browser_after_this_one(browser, runs_folder):
    browser.run_menu.value, browser.other_run_menu.value = "run-0001", "run-0002"
    browser.run_menu.value = "run-0002"  # the newest, but chosen
    browser.other_run_menu.value, browser.type_menu.value = "run-0001", "PER"
    write_mistakes(write_run(runs_folder), seed=4)
    later = ErrorBrowser()
    later.keep_choices(browser)
    for each in (refreshed(browser, runs_folder), refreshed(later, runs_folder)):
        assert (each.run_menu.value, each.other_run_menu.value, each.type_menu.value) == ("run-0002", "run-0001", "PER")
    assert refreshed(ErrorBrowser(), runs_folder).run_menu.value == "run-0004"


def test_a_file_written_anew_is_read_anew(browser, runs_folder):
    browser.kind_menu.value = EVERYTHING
    made = write_mistakes(runs_folder / "run-0002", seed=5)
    refreshed(browser, runs_folder)
    assert every_page(browser) == list(made)


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
    assert "今天没有&lt;b&gt;新闻" in re.sub(
        r"</?(?:u|em|small|span)[^>]*>|false positive: PER", "", browser.sentences.value
    )


def test_gold_is_underlined_predicted_shaded_and_both_are_named():
    words = ["王", "小", "明", "在", "京"]
    gold, told = [Entity("PER", 0, 3), Entity("LOC", 4, 5)], [Entity("PER", 1, 3), Entity("ORG", 4, 5)]
    shown = entity_html.render_sentence(words, "", match_entities(gold, told))
    boundary, kind = "labkit-kind-wrong-boundary", "labkit-kind-wrong-type"
    assert f'<u class="{boundary}">王</u><u class="{boundary}"><em class="{boundary}">小明</em></u>' in shown
    assert f'<u class="{kind}"><em class="{kind}">京</em></u>' in shown
    assert ">wrong boundary: PER<" in shown
    assert ">ORG, should be LOC<" in shown
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
