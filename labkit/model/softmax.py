"""Tags that know nothing of each other: what stands in the CRF's place where there is none."""

import torch
from torch.nn import functional as F

from labkit.model.crf.constraints import Constraints
from labkit.model.crf.viterbi import viterbi_decode


class SoftmaxDecoder:
    """Each word's tag from its own scores alone; asked in the words of labkit.model.crf.CRF, batch first.

    It has no weights. Every tensor below is (batch, words, …); masks are bool, and on at the first word.
    """

    def __call__(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor, reduction: str = "sum"
    ) -> torch.Tensor:
        """The log likelihood of tags: minus the cross entropy; summed over the batch, or (batch,) if `none`."""
        if reduction not in ("none", "sum"):
            raise ValueError(f"reduction must be none or sum, not {reduction!r}")
        losses = F.cross_entropy(emissions.flatten(0, 1), tags.flatten(), reduction="none").view(tags.shape)
        likelihood = -(losses * mask).sum(1)
        return likelihood.sum() if reduction == "sum" else likelihood

    def decode(
        self, emissions: torch.Tensor, mask: torch.Tensor, constraints: Constraints | None = None
    ) -> list[list[int]]:
        """The best tag of each word; the best of the sequences that are allowed, where `legal` is given."""
        count = emissions.shape[2]
        if constraints is None:
            best = emissions.argmax(2).masked_fill(~mask, count)
            rows = torch.cat((best, best.new_full((len(best), 1), count)), dim=1)
        else:
            allowed = constraints.to(emissions.device)
            scores = [torch.zeros_like(each, dtype=emissions.dtype).masked_fill(~each, -torch.inf) for each in allowed]
            rows = viterbi_decode(emissions.detach().transpose(0, 1), mask.transpose(0, 1), *scores)
        listed: list[list[int]] = rows.tolist()  # the only transfer
        return [row[: row.index(count)] for row in listed]

    @torch.no_grad()
    def marginals(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Each tag's probability at each word, shaped as the emissions; 0 where masked."""
        return emissions.softmax(2) * mask[:, :, None]

    @torch.no_grad()
    def tag_probabilities(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How probable given tags are: alone, and after the one before, which is the same here; 0 where masked."""
        alone = self.marginals(emissions, mask).gather(2, tags[:, :, None]).squeeze(2)
        return alone, alone
