"""Softmax decoder: each word's tag independent of the others, in place of a CRF."""

import torch
from torch.nn import functional as F

from labkit.model.crf.constraints import Constraints
from labkit.model.crf.viterbi import viterbi_decode


class SoftmaxDecoder:
    """Decoder of each word by its own scores alone, with CRF's interface.

    It has no weights. Every tensor below is (batch, words, …); masks are bool, and true at the first word.
    """

    def __call__(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor, reduction: str = "sum"
    ) -> torch.Tensor:
        """Log likelihood of tags, minus the cross entropy.

        Summed over the batch; (batch,) if `reduction` is `none`.
        """
        if reduction not in ("none", "sum"):
            raise ValueError(f"reduction must be none or sum, not {reduction!r}")
        losses = F.cross_entropy(emissions.flatten(0, 1), tags.flatten(), reduction="none").view(tags.shape)
        likelihood = -(losses * mask).sum(1)
        return likelihood.sum() if reduction == "sum" else likelihood

    def decode(
        self, emissions: torch.Tensor, mask: torch.Tensor, constraints: Constraints | None = None
    ) -> list[list[int]]:
        """Find the best tag of each word.

        With `constraints`, the tags of each row are the best of the sequences that are allowed.
        """
        num_tags = emissions.shape[2]
        if constraints is None:
            best = emissions.argmax(2).masked_fill(~mask, num_tags)
            rows = torch.cat((best, best.new_full((len(best), 1), num_tags)), dim=1)
        else:
            scores = [
                torch.zeros_like(allowed, dtype=emissions.dtype).masked_fill(~allowed, -torch.inf)
                for allowed in constraints.to(emissions.device)
            ]
            rows = viterbi_decode(emissions.detach().transpose(0, 1), mask.transpose(0, 1), *scores)
        listed: list[list[int]] = rows.tolist()  # the only transfer
        return [row[: row.index(num_tags)] for row in listed]

    @torch.no_grad()
    def marginals(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Probability of each tag at each word, in the emissions' shape.

        0 where masked.
        """
        return emissions.softmax(2) * mask[:, :, None]

    @torch.no_grad()
    def tag_probabilities(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Marginal and conditional probabilities of given tags, which are equal here.

        0 where masked.
        """
        marginals = self.marginals(emissions, mask).gather(2, tags[:, :, None]).squeeze(2)
        return marginals, marginals
