"""The words of encoded sentences as they were written, which pieces do not tell: some are unknown, many in lower case.

A few flat arrays, as `windows` has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from labkit.data.windows import Array, ragged, starts_of


@dataclass(frozen=True, eq=False)
class Texts:
    """Sentences end to end. Sentence i has the words from `sentence_starts[i]` up to `sentence_starts[i + 1]`."""

    letters: Array  # (all letters,) int32, code points
    word_starts: Array  # (words + 1,) int64, places in `letters`
    sentence_starts: Array  # (sentences + 1,) int64, numbers of words

    def __len__(self) -> int:
        return len(self.sentence_starts) - 1

    def words(self, sentence: int) -> list[str]:
        """The words of one sentence."""
        first, last = self.sentence_starts[sentence : sentence + 2].tolist()
        starts = self.word_starts[first : last + 1].tolist()
        letters = self.letters[starts[0] : starts[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return [letters[start - starts[0] : end - starts[0]] for start, end in pairwise(starts)]

    def take(self, sentences: Array) -> "Texts":
        """The sentences of these numbers, in that order."""
        words = np.diff(self.sentence_starts)[sentences]
        places = ragged(self.sentence_starts[sentences], words)
        letters = np.diff(self.word_starts)[places]
        kept = self.letters[ragged(self.word_starts[places], letters)]
        return Texts(kept, starts_of(letters), starts_of(words))


def texts_of(sentences: Sequence[Sequence[str]]) -> Texts:
    """The words of these sentences, none of which is empty."""
    words = list(chain.from_iterable(sentences))
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int32)
    word_starts = starts_of(np.fromiter(map(len, words), np.int64, len(words)))
    return Texts(letters, word_starts, starts_of(np.fromiter(map(len, sentences), np.int64, len(sentences))))
