import re
import threading
import time

import pytest

from labkit.config import RunConfig
from labkit.data.corpus_counts import CorpusCounts, SplitCounts
from labkit.i18n import translation
from labkit.lab import plan_panel
from labkit.lab.plan_panel import PlanPanel
from labkit.messages import Message
from labkit.runs.run import Run
from tests.waiting import until

CONFIG = RunConfig(epochs=2, batch_size=10, train_limit=0)


def counts(train, dev, test=0, notes=(), **how):
    """Counts of a corpus whose sentences are a word each."""
    sizes = {"train": train, "dev": dev, "test": test}
    return CorpusCounts({name: SplitCounts(size, size, {}) for name, size in sizes.items() if size}, notes=notes, **how)


class Corpus:
    """Counted when `let_go` is set; `asked` holds the corpora that were counted."""

    def __init__(self):
        self.asked, self.let_go = [], threading.Event()
        self.answers = {"mine": counts(100, 20)}

    def count(self, corpus, **how):
        self.asked.append(corpus)
        assert self.let_go.wait(30)
        answer = self.answers[corpus]
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer


@pytest.fixture
def corpus(monkeypatch):
    corpus = Corpus()
    monkeypatch.setattr(plan_panel, "count_corpus", corpus.count)
    monkeypatch.setattr(plan_panel, "PATIENCE_S", 30.0)
    yield corpus
    corpus.let_go.set()


def told(found, corpus="mine"):
    return found.describe(CONFIG.replace(corpus=corpus), [], 0)


def test_a_corpus_that_is_soon_counted_is_told_at_the_first_look(corpus):
    corpus.let_go.set()
    assert "20 steps" in told(PlanPanel(lambda: None))


def test_a_large_corpus_is_counted_aside_once_and_then_told(corpus, monkeypatch):
    monkeypatch.setattr(plan_panel, "PATIENCE_S", 0.05)
    heard = threading.Event()
    found = PlanPanel(heard.set)
    for _ in range(3):
        assert "counting the corpus" in told(found)
    assert not heard.is_set()
    corpus.let_go.set()
    assert heard.wait(30)
    assert "20 steps" in told(found)
    assert corpus.asked == ["mine"]


def test_another_corpus_does_not_wait_for_one_that_is_still_counted(corpus, monkeypatch):
    monkeypatch.setattr(plan_panel, "PATIENCE_S", 0.05)
    corpus.answers["other"] = counts(200, 20)
    found = PlanPanel(lambda: None)
    assert "counting the corpus" in told(found)
    corpus.let_go.set()
    assert "40 steps" in until(lambda: "steps" in (text := told(found, "other")) and text)
    assert "20 steps" in until(lambda: "steps" in (text := told(found)) and text)


def test_what_keeps_a_corpus_from_being_read_stays_until_it_was_read_again(corpus, monkeypatch):
    monkeypatch.setattr(plan_panel, "REREAD_S", 0.05)
    corpus.answers["mine"] = "mine: no train file"
    corpus.let_go.set()
    found = PlanPanel(lambda: None)
    assert "no train file" in told(found)
    assert "no train file" in told(found)
    assert len(corpus.asked) == 1
    corpus.answers["mine"] = counts(100, 20)
    time.sleep(0.06)
    assert "20 steps" in until(lambda: "no train file" not in (text := told(found)) and text)


def test_a_corpus_that_was_edited_is_counted_again(corpus, tmp_path):
    corpus.let_go.set()
    train = tmp_path / "train.txt"
    train.write_text("Anna B-PER\n\n")
    corpus.answers[str(tmp_path)] = counts(100, 20)
    found = PlanPanel(lambda: None)
    assert "20 steps" in told(found, str(tmp_path))
    corpus.answers[str(tmp_path)] = counts(200, 20)
    assert "20 steps" in told(found, str(tmp_path))
    train.write_text("Anna B-PER\n\nBen B-PER\n\n")
    assert "40 steps" in told(found, str(tmp_path))


def test_the_latest_run_of_the_very_same_settings_is_known():
    told, config = PlanPanel(lambda: None), RunConfig(seed=1)
    first, other, last = (Run(config=each) for each in (config, RunConfig(seed=2), config))
    assert told.find_same_settings(config, [first, other], "two") is first
    assert told.find_same_settings(config, [first, other, last], "three") is last
    assert told.find_same_settings(RunConfig(seed=3), [first, other, last], "three") is None
    assert told.find_same_settings(config, [], "none") is None


def test_a_window_that_the_encoder_has_no_positions_for_is_told_before_training(corpus, tiny_encoder):
    corpus.let_go.set()
    found, config = PlanPanel(lambda: None), CONFIG.replace(corpus="mine", encoder=str(tiny_encoder))
    assert "The longest window is 128, not 4096" in found.describe(config.replace(max_pieces=4096), [], 0)
    assert "longest window" not in found.describe(config.replace(max_pieces=128), [], 0)
    assert "longest window" not in found.describe(config.replace(max_pieces=4096, encoder="some/where"), [], 0)


def test_the_corpus_is_told_by_format_and_split_and_rare_types_together(corpus):
    corpus.let_go.set()
    entities = {f"TYPE{number}": 100 - number for number in range(14)}
    splits = {"train": SplitCounts(1000, 20_000, entities), "test": SplitCounts(5, 60, {"<b>": 3, "TYPE13": 1})}
    corpus.answers["mine"] = CorpusCounts(
        splits, {"train.txt": "conll", "dev.txt": "conll", "test.json": "doccano"}, "BIOES"
    )
    found = PlanPanel(lambda: None)
    told(found)
    page = found.describe_corpus(CONFIG.replace(corpus="mine"))
    assert "read as conll, doccano, BIOES" in page
    rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", page)]
    assert rows[:4] == [
        ["", "train", "test"],
        ["sentences", "1,000", "5"],
        ["words", "20,000", "60"],
        ["TYPE0", "100", "0"],
    ]
    assert rows[-1] == ["3 other types", "175", "4"]  # TYPE12 and TYPE13, and the one that is escaped elsewhere
    assert len(rows) == 3 + 12 + 1


def test_notes_on_the_corpus_are_told_as_soon_as_it_is_counted_and_as_text(corpus, monkeypatch):
    monkeypatch.setattr(plan_panel, "PATIENCE_S", 0.05)
    notes = (
        "<b>train.txt</b>: read as GB18030, as it is not UTF-8.",
        Message("The longest window is {longest}, not {asked}: the encoder reads no more.", longest=128, asked=512),
    )
    corpus.answers = {
        "mine": counts(100, 20, 0, notes * 2),
        "one": counts(9, 9, 9, notes[1:]),
        "clean": counts(9, 9, 9),
    }
    found = PlanPanel(lambda: None)

    def noted(name):
        until(lambda: "steps" in told(found, name))
        return found.describe_corpus(CONFIG.replace(corpus=name))

    assert "counting" in told(found)
    assert "note" not in found.describe_corpus(CONFIG.replace(corpus="mine"))
    corpus.let_go.set()
    assert noted("mine").count("&lt;b&gt;train.txt") == 2
    assert "<summary>4 notes on the corpus</summary>" in noted("mine")
    assert "<li>The longest window" in noted("one")
    assert "summary" not in noted("one")
    assert "no notes on the corpus" in noted("clean")
    monkeypatch.setattr(translation, "_language", "zh")
    chinese = found.describe_corpus(CONFIG.replace(corpus="mine"))
    assert "语料说明 4 条" in chinese
    assert "最长窗口是 128" in chinese
