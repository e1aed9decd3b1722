"""labkit's CRF against pytorch-crf: loss with all gradients, and decoding, in time and in dispatched operators.

    python benchmarks/crf_speed.py

Both get the same scores and a mask of rows between half and all of the words, as in a batch of similar lengths. Rounds
of several calls are interleaved, medians told. Operators are what torch dispatches, views and autograd's backward
included: most are a kernel's launch on a GPU, where small ones cost the same whatever they hold. The last line is JSON,
for a batch of 32 sentences of up to 128 words with 21 tags.
"""

import json
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torchcrf import CRF as TorchCRF

from labkit.model.crf import CRF

SIZES = ((16, 32, 9), (32, 128, 21), (8, 512, 9), (64, 64, 64))
TOLD = (32, 128, 21)
ROUNDS, CALLS, WARM = 11, 10, 1


def main() -> None:
    warnings.simplefilter("ignore")  # pytorch-crf's masks of uint8
    print(f"{torch.get_num_threads()} threads; medians of {ROUNDS} rounds of {CALLS} calls, pytorch-crf → labkit")
    print(f"{'batch, words, tags':>18}  {'loss + gradients, ms':>24}  {'operators':>20}  {'decode, ms':>23}")
    told = {}
    for size in SIZES:
        time_ms, operators, decode_ms = measure(*size)
        shown = (compared(time_ms, ".2f"), compared(operators, ",.0f"), compared(decode_ms, ".2f"))
        print(f"{', '.join(map(str, size)):>18}  {shown[0]:>24}  {shown[1]:>20}  {shown[2]:>23}", flush=True)
        if size == TOLD:
            ratios = [round(theirs / ours, 2) for theirs, ours in (time_ms, operators, decode_ms)]
            told = dict(zip(("time_ratio", "operator_ratio", "decode_ratio"), ratios, strict=True))
    print(json.dumps(told))


Pair = tuple[float, float]


def compared(pair: Pair, form: str) -> str:
    theirs, ours = pair
    return f"{theirs:{form}} → {ours:{form}} ({theirs / ours:.1f}×)"


def measure(batch: int, words: int, tags: int) -> tuple[Pair, Pair, Pair]:
    """Time in ms, operators, and time of decoding in ms, each for pytorch-crf and for labkit."""
    torch.manual_seed(0)
    layers: tuple[Any, Any] = (TorchCRF(tags, batch_first=True), CRF(tags, batch_first=True))
    layers[1].load_state_dict(layers[0].state_dict())
    scores = torch.randn(batch, words, tags, requires_grad=True)
    gold = torch.randint(tags, (batch, words))
    lengths = torch.randint(words // 2, words + 1, (batch,))
    lengths[0] = words
    mask = torch.arange(words) < lengths[:, None]

    def step(layer: Any) -> Callable[[], Any]:
        def run() -> None:
            scores.grad = None
            layer.zero_grad()
            (-layer(scores, gold, mask=mask, reduction="sum")).backward()

        return run

    def decode(layer: Any) -> Callable[[], Any]:
        return lambda: layer.decode(scores.detach(), mask)

    steps, decodes = [step(layer) for layer in layers], [decode(layer) for layer in layers]
    assert decodes[0]() == decodes[1]()
    operators = tuple(float(dispatched(run)) for run in steps)
    return interleaved(*steps), (operators[0], operators[1]), interleaved(*decodes)


def interleaved(theirs: Callable[[], Any], ours: Callable[[], Any]) -> Pair:
    """Median milliseconds of both, taken in turns, so that a slower minute of the machine meets both alike."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM + ROUNDS):
        for run, seconds in zip((theirs, ours), spent, strict=True):
            begin = time.perf_counter()
            for _ in range(CALLS):
                run()
            seconds.append((time.perf_counter() - begin) / CALLS)
    return 1e3 * statistics.median(spent[0][WARM:]), 1e3 * statistics.median(spent[1][WARM:])


class Counter(TorchDispatchMode):
    """Counts the operators that are dispatched."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def dispatched(run: Callable[[], Any]) -> int:
    counter = Counter()
    with counter:
        run()
    return counter.count


if __name__ == "__main__":
    main()
