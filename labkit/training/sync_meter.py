"""Sync meter: distance of encoder, head and CRF from their start.

Two numbers, of which the first is known at any time and the second only at the end:

- The distance from the start, divided by the start's norm. At 0.06 a head is nearly still the random numbers that it
  began with.
- The share of its own final way that a part had made by each step: its displacement, projected on the last one.

Neither shows whether the way was useful: weights that diverge go far, and a pretrained encoder that improves hardly
moves.

Displacements are measured on a sample of the weights, drawn by the run's seed from those that training can change: of
the token embedding, only rows whose tokens occur in the training sentences. The start's norm is that of all of these
weights, as half of it may lie in a few that a sample meets by chance: LayerNorm's, which are about 1.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from labkit.data.windows import Array, offsets_from_counts
from labkit.events import PathsCompleted, WeightsMoved
from labkit.model.tagger import Tagger

MAX_WEIGHTS = 20_000  # sampled of a part
MAX_READINGS = 100  # of a run
LEAST_EVERY = 2  # steps between two, as a reading takes 1 to 2 % of a step
BLOCK_SIZE = 32  # neighbouring weights that are drawn together, as reading 625 slices costs less than 20,000 weights


class Block(NamedTuple):
    """Neighbouring weights of a parameter, as places in its flat form."""

    parameter: nn.Parameter
    start: int
    stop: int


class SyncMeter:
    """Reads samples of the weights between steps; never waits for a GPU.

    A part is `encoder`, `crf` (its transition, start and end scores) or `head` (all else), whatever their rates are.

    Args:
        tagger: on its device.
        token_ids: tokens of the training sentences, (tokens,), ascending.
        total_steps: planned ones, over which the readings are spread.
    """

    def __init__(self, tagger: Tagger, token_ids: Array, total_steps: int, seed: int):
        embedding = tagger.encoder.get_input_embeddings().weight
        rows = {id(embedding): token_ids} if len(embedding) > len(token_ids) else {}
        parts: dict[str, list[tuple[nn.Parameter, Array | None]]] = {"encoder": [], "head": [], "crf": []}
        for name, parameter in sorted(tagger.named_parameters()):
            part = name.partition(".")[0]
            parts[part if part in parts else "head"].append((parameter, rows.get(id(parameter))))
        blocks = {
            name: sample_blocks(parameters, np.random.default_rng([seed, place]))
            for place, (name, parameters) in enumerate(parts.items())
            if parameters
        }
        self.parts = tuple(blocks)
        self._blocks = list(chain.from_iterable(blocks.values()))
        self._sizes = [sum(block.stop - block.start for block in of_part) for of_part in blocks.values()]
        self._parameters = list(tagger.parameters())
        self._views: list[torch.Tensor] = []  # of the blocks
        self._addresses: list[int] = []  # of the parameters that they are views of
        self._every = max(LEAST_EVERY, math.ceil(total_steps / MAX_READINGS))
        self._start = self._read_weights()
        self._wide = torch.float32 if self._start.device.type == "mps" else torch.float64  # Apple's GPU has no float64
        wholes = [self._whole_norm(parts[name]) for name in self.parts]
        scales = [math.sqrt(size / total) for size, (_, total) in zip(self._sizes, wholes, strict=True)]
        self._start_norms = [norm * scale for (norm, _), scale in zip(wholes, scales, strict=True)]
        self._steps: list[int] = []  # of all readings
        self._path: list[torch.Tensor] = []  # displacement at each of them, (weights,)
        self._pending: list[torch.Tensor] = []  # its norms (parts,), of the readings not yet reported

    def after_step(self, step: int) -> None:
        """Takes a reading after a step, counted from 1, if one is due."""
        if step % self._every == 0:
            self._read(step)

    def report(self, seconds: Callable[[], float]) -> Iterator[WeightsMoved]:
        """Yields the readings since the last report, in one transfer from the device."""
        if not self._pending:
            return
        rows = torch.stack(self._pending).tolist()
        steps = self._steps[-len(rows) :]
        self._pending.clear()
        for step, norms in zip(steps, rows, strict=True):
            distances = map(_relative_distance, norms, self._start_norms)
            yield WeightsMoved(seconds(), step, dict(zip(self.parts, distances, strict=True)))

    def finish(self, step: int, seconds: Callable[[], float]) -> Iterator[WeightsMoved | PathsCompleted]:
        """Takes and reports the last reading, and yields the shares of the final ways."""
        if step and self._steps[-1:] != [step]:
            self._read(step)
        yield from self.report(seconds)
        if not self._steps:
            return
        by_part = zip(*(moved.split(self._sizes) for moved in self._path), strict=True)
        shares = {name: shares_of_way(path) for name, path in zip(self.parts, map(torch.stack, by_part), strict=True)}
        known = {name: [round(share, 6) for share in values] for name, values in shares.items() if values}
        yield PathsCompleted(seconds(), step, list(self._steps), known)

    def _read(self, step: int) -> None:
        moved = self._read_weights() - self._start
        self._steps.append(step)
        self._path.append(moved)
        self._pending.append(self._norms(moved))

    def _read_weights(self) -> torch.Tensor:
        addresses = [parameter.data_ptr() for parameter in self._parameters]
        if addresses != self._addresses:  # at first, and when the fast encoder moves weights into one buffer
            self._views = [block.parameter.detach().view(-1)[block.start : block.stop] for block in self._blocks]
            self._addresses = addresses
        return torch.cat(self._views)

    def _whole_norm(self, parameters: Sequence[tuple[nn.Parameter, Array | None]]) -> tuple[float, int]:
        """Norm and number of all weights that may be drawn."""
        tensors = [each.detach() if own is None else each.detach()[torch.from_numpy(own)] for each, own in parameters]
        norms = torch.stack([torch.linalg.vector_norm(each, dtype=self._wide) for each in tensors])
        return norms.norm().item(), sum(each.numel() for each in tensors)

    def _norms(self, values: torch.Tensor) -> torch.Tensor:
        return torch.stack([part.norm() for part in values.to(self._wide).split(self._sizes)])


def sample_blocks(parameters: Sequence[tuple[nn.Parameter, Array | None]], rng: np.random.Generator) -> list[Block]:
    """Draws blocks of at most MAX_WEIGHTS weights in all, each of at most BLOCK_SIZE in one row.

    All weights have the same chance. The draw depends on the sizes of the parameters and the numbers of rows alone.

    Args:
        parameters: each with the rows that may be drawn, ascending; all if None.
    """
    num_rows = [len(each) if each.dim() > 1 else 1 for each, _ in parameters]
    widths = [each.numel() // rows for (each, _), rows in zip(parameters, num_rows, strict=True)]
    drawable = [np.arange(rows) if own is None else own for rows, (_, own) in zip(num_rows, parameters, strict=True)]
    per_row = [math.ceil(width / BLOCK_SIZE) for width in widths]
    offsets = offsets_from_counts(np.array([len(rows) * many for rows, many in zip(drawable, per_row, strict=True)]))
    total, blocks = int(offsets[-1]), []
    for drawn in np.sort(rng.choice(total, min(total, MAX_WEIGHTS // BLOCK_SIZE), replace=False)).tolist():
        place = int(np.searchsorted(offsets, drawn, "right")) - 1
        row, column = divmod(drawn - int(offsets[place]), per_row[place])
        start = int(drawable[place][row]) * widths[place]
        stop = start + min((column + 1) * BLOCK_SIZE, widths[place])
        blocks.append(Block(parameters[place][0], start + column * BLOCK_SIZE, stop))
    return blocks


def shares_of_way(path: torch.Tensor) -> list[float]:
    """Share of the final displacement that each reading had made, by projection; empty if there is none.

    Args:
        path: displacements, (readings, weights).
    """
    path = path.to(torch.float32 if path.device.type == "mps" else torch.float64)
    shares: list[float] = (path @ path[-1] / (path[-1] @ path[-1])).tolist()
    return shares if all(map(math.isfinite, shares)) else []


def _relative_distance(norm: float, start_norm: float) -> float | None:
    """Distance in sizes of the start. None for what began at 0 and moved, and if it is not finite."""
    if norm == 0:
        return 0.0
    distance = norm / start_norm if start_norm else math.inf
    return float(f"{distance:.7g}") if math.isfinite(distance) else None
