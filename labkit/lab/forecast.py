"""What pressing Train will do, told before it is pressed: how many steps, how long, and what to think over."""

import math
import time
from collections.abc import Hashable, Sequence

from labkit.config import RunConfig
from labkit.data.corpora import read_corpus
from labkit.lab import words
from labkit.presets import warnings
from labkit.runs.estimate import estimate
from labkit.runs.run import Run

REREAD_S = 3.0  # after which a corpus that could not be read is read again

Sentences = tuple[int, int, int]  # for training, dev and test


class Forecast:
    """Counts a corpus once, and judges the time only for other settings or runs: with many that costs like drawing."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, Sentences | str] = {}
        self._refused_at = -math.inf
        self._judged: Hashable = None
        self._told = ""

    def told(self, config: RunConfig, runs: Sequence[Run], listed: Hashable) -> str:
        """As HTML.

        Args:
            runs: those to judge by.
            listed: differs where these runs, or the language, are not those of the last time.
        """
        counted = self._count(config)
        if isinstance(counted, str):
            return words.plan(None, [], counted)
        asked = (listed, config, counted)
        if asked != self._judged:
            train = min(counted[0], config.train_limit or counted[0])
            self._judged = asked
            self._told = words.plan(estimate(runs, config, *counted), warnings(config, train))
        return self._told

    def _count(self, config: RunConfig) -> Sentences | str:
        """The sentences of the corpus, or why there are none: then it is soon read again."""
        key = (config.corpus, config.dev_share, config.repair_tags)
        if isinstance(self._counts.get(key), str) and time.monotonic() > self._refused_at + REREAD_S:
            del self._counts[key]  # it may have been mended meanwhile
        if key not in self._counts:
            try:
                corpus = read_corpus(config.corpus, dev_share=config.dev_share, repair=config.repair_tags)
                self._counts[key] = len(corpus.train), len(corpus.dev), len(corpus.test)
            except (ValueError, OSError) as problem:
                self._counts[key], self._refused_at = str(problem), time.monotonic()
        return self._counts[key]
