"""What pressing Train will do, told before it is pressed: how many steps, how long, and what to think over."""

import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence

from labkit.config import RunConfig
from labkit.data.corpora import find_corpus
from labkit.data.encoders import read_max_sequence_length
from labkit.data.sentence_counts import SentenceCounts, count_sentences
from labkit.lab import run_html
from labkit.presets import config_warnings
from labkit.runs.estimate import estimate
from labkit.runs.run import Run

REREAD_S = 3.0  # after which a corpus that could not be read is read again, or ten times what reading it took
PATIENCE_S = 0.3  # for a corpus that is soon counted: then nothing else is said first, and nothing moves on the page

_Key = tuple[str, float, bool, Hashable]  # corpus, dev_share, repair_tags, and what tells its files from edited ones


class PlanPanel:
    """Counts a corpus once, and judges the time only for other settings or runs: with many that costs like drawing."""

    def __init__(self, on_counted: Callable[[], None]) -> None:
        """`counted` hears, in another thread, that what was still counted is now known."""
        self._on_counted = on_counted
        self._counts: dict[_Key, SentenceCounts | str] = {}
        self._retry_at: dict[_Key, float] = {}
        self._counting: dict[_Key, threading.Thread] = {}
        self._plan_key: Hashable = None
        self._plan_html = ""
        self._same_settings_key: Hashable = None
        self._same_settings_run: Run | None = None

    def describe(self, config: RunConfig, runs: Sequence[Run], runs_key: Hashable) -> str:
        """As HTML.

        Args:
            runs: those to judge by.
            listed: differs where these runs, or the language, are not those of the last time.
        """
        counted = self._count(_key(config))
        if not isinstance(counted, SentenceCounts):
            return run_html.render_plan(None, [], counted or "")
        asked = (runs_key, config, counted)
        if asked != self._plan_key:
            train = min(counted.train, config.train_limit or counted.train)
            self._plan_key = asked
            told = config_warnings(config, train, read_max_sequence_length(config.encoder))
            self._plan_html = run_html.render_plan(estimate(runs, config, *counted[:3]), told)
        return self._plan_html

    def describe_notes(self, config: RunConfig) -> str:
        """What reading the corpus mended, left out or warned about, as HTML; a line that is never missing."""
        counted = self._counts.get(_key(config))
        return (
            run_html.render_corpus_notes(counted.notes)
            if isinstance(counted, SentenceCounts)
            else run_html.render_muted("&nbsp;")
        )

    def find_same_settings(self, config: RunConfig, runs: Sequence[Run], runs_key: Hashable) -> Run | None:
        """The latest run of the very same settings, seed included. Arguments as of `told`."""
        asked = (runs_key, config)
        if asked != self._same_settings_key:
            self._same_settings_key = asked
            self._same_settings_run = next((run for run in reversed(runs) if run.config == config), None)
        return self._same_settings_run

    def _count(self, key: _Key) -> SentenceCounts | str | None:
        """The sentences of the corpus; why there are none; or None while they are counted."""
        unreadable = isinstance(self._counts.get(key), str)
        if key not in self._counts or (unreadable and time.monotonic() > self._retry_at[key]):
            counting = self._counting.get(key)
            if counting is None or not counting.is_alive():  # aside: a large corpus takes seconds
                counting = threading.Thread(target=self._count_in_thread, args=(key,), name="labkit-count", daemon=True)
                self._counting[key] = counting
                counting.start()
                counting.join(PATIENCE_S)
        return self._counts.get(key)

    def _count_in_thread(self, key: _Key) -> None:
        began = time.monotonic()
        try:
            found: SentenceCounts | str = count_sentences(*key[:3])
        except (ValueError, OSError) as problem:
            found = str(problem)
        took = time.monotonic() - began
        self._retry_at[key] = began + took + max(REREAD_S, 10 * took)  # it may have been mended meanwhile
        self._counts[key] = found
        if took > PATIENCE_S:
            self._on_counted()


def _key(config: RunConfig) -> _Key:
    return config.corpus, config.dev_share, config.repair_tags, _stamp(config.corpus)


def _stamp(corpus: str) -> Hashable:
    """Size and time of each of a corpus's files; nothing where there are none."""
    try:
        files = [os.stat(path) for path, _ in find_corpus(corpus).files.values()]
    except (ValueError, OSError):
        return None
    return tuple((file.st_size, file.st_mtime_ns) for file in files)
