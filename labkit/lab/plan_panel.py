"""Plan panel: corpus, steps, estimated time and warnings before Train is pressed."""

import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence

from labkit.config import RunConfig
from labkit.data.corpora import find_corpus
from labkit.data.corpus_counts import CorpusCounts, count_corpus
from labkit.data.encoders import read_max_sequence_length
from labkit.i18n.translation import tr
from labkit.lab import run_html
from labkit.memo import Memo
from labkit.messages import Message, message_of
from labkit.presets import config_warnings
from labkit.runs.estimate import estimate
from labkit.runs.run import Run

REREAD_S = 3.0  # after which a corpus that could not be read is read again, or ten times what reading it took
PATIENCE_S = 0.3  # wait for a corpus that is counted quickly: no other text is shown first, and nothing moves

_Key = tuple[str, float, bool, str, Hashable]  # corpus, dev_share, repair_tags, types, sizes and times of its files


class PlanPanel:
    """Plan of a run as HTML, from counts and a time estimate.

    A corpus is counted once, in a thread. The time is estimated again only for other settings or runs: with many runs
    that takes as long as drawing.
    """

    def __init__(self, on_counted: Callable[[], None]) -> None:
        """`on_counted` is called in another thread when a slow count has ended."""
        self._on_counted = on_counted
        self._counts: dict[_Key, CorpusCounts | Message] = {}
        self._retry_at: dict[_Key, float] = {}
        self._counting: dict[_Key, threading.Thread] = {}
        self._memo = Memo()

    def describe(self, config: RunConfig, runs: Sequence[Run], runs_key: object) -> str:
        """Plan of a run with these settings, as HTML.

        Args:
            config: settings of the run.
            runs: runs to estimate the time from.
            runs_key: differs if these runs or the language changed since the last call.
        """
        counts = self._count(_key(config))
        if counts is None:
            return run_html.render_muted(tr("counting the corpus…"))
        if isinstance(counts, Message):
            return run_html.render_error(counts)
        return self._memo("plan", (runs_key, config, counts), lambda: _render_plan(config, runs, counts))

    def describe_corpus(self, config: RunConfig) -> str:
        """Format, counts and notes of the corpus as HTML; never empty."""
        counts = self._counts.get(_key(config))
        if not isinstance(counts, CorpusCounts):
            return run_html.render_muted("&nbsp;")  # keeps the line, so that nothing moves
        return run_html.render_corpus_counts(counts) + run_html.render_corpus_notes(counts.notes)

    def find_same_settings(self, config: RunConfig, runs: Sequence[Run], runs_key: object) -> Run | None:
        """Latest run with exactly these settings, seed included; arguments as for `describe`."""
        same = (run for run in reversed(runs) if run.config == config)
        return self._memo("same settings", (runs_key, config), lambda: next(same, None))

    def _count(self, key: _Key) -> CorpusCounts | Message | None:
        """Counts, an error message, or None while counting."""
        unreadable = isinstance(self._counts.get(key), Message)
        if key not in self._counts or (unreadable and time.monotonic() > self._retry_at[key]):
            counting = self._counting.get(key)
            if counting is None or not counting.is_alive():  # in a thread: a large corpus takes seconds
                counting = threading.Thread(target=self._count_in_thread, args=(key,), name="labkit-count", daemon=True)
                self._counting[key] = counting
                counting.start()
                counting.join(PATIENCE_S)
        return self._counts.get(key)

    def _count_in_thread(self, key: _Key) -> None:
        began = time.monotonic()
        try:
            corpus, dev_share, repair, types, _ = key
            result: CorpusCounts | Message = count_corpus(corpus, dev_share=dev_share, repair=repair, types=types)
        except (ValueError, OSError) as problem:
            result = message_of(problem)
        duration_s = time.monotonic() - began
        self._retry_at[key] = began + duration_s + max(REREAD_S, 10 * duration_s)  # the user may repair it meanwhile
        self._counts[key] = result
        if duration_s > PATIENCE_S:
            self._on_counted()


def _render_plan(config: RunConfig, runs: Sequence[Run], counts: CorpusCounts) -> str:
    train, dev, test = map(counts.count_sentences, ("train", "dev", "test"))
    used = min(train, config.train_limit or train)
    warnings = config_warnings(config, used, read_max_sequence_length(config.encoder))
    return run_html.render_plan(estimate(runs, config, train, dev, test), [*counts.warnings, *warnings])


def _key(config: RunConfig) -> _Key:
    return config.corpus, config.dev_share, config.repair_tags, config.types, _file_stamps(config.corpus)


def _file_stamps(corpus: str) -> Hashable:
    """Size and time of each corpus file; None without files."""
    try:
        files = [os.stat(path) for path, _ in find_corpus(corpus).all_files()]
    except (ValueError, OSError):
        return None
    return tuple((file.st_size, file.st_mtime_ns) for file in files)
