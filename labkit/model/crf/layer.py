"""The CRF layer: pytorch-crf's interface, parameters and state dict; gradients in closed form, decoding in batches."""

import torch
from torch import nn

from labkit.model.crf.constraints import Constraints
from labkit.model.crf.forward_backward import compute_positions, compute_posteriors, forward_backward
from labkit.model.crf.likelihood import log_likelihood
from labkit.model.crf.viterbi import viterbi_decode

REDUCTIONS = ("none", "sum", "mean", "token_mean")


class CRF(nn.Module):
    """A linear-chain conditional random field. (Lafferty et al. 2001)

    Takes what pytorch-crf 0.7.2 takes, gives what it gives, and raises what it raises; a state dict of either loads in
    the other. Every tensor below is (batch, words, …) if `batch_first`, else (words, batch, …). Masks are bool or uint8
    and on at the first step; masked steps are skipped wherever they are. Where a mask has holes, not only padding, the
    likelihood is pytorch-crf's, which reads the tags under them; decoding, which pytorch-crf then does along the wrong
    steps, gives the best sequence of the words that count.

    Loss and decoding never wait for the device, but for decoding's answer. The check of the mask's first step would, so
    that on a device a row that breaks it has the likelihood NaN instead of raising.

    Args:
        num_tags: how many tags there are.
        batch_first: whether the first dimension is the batch.
    """

    def __init__(self, num_tags: int, batch_first: bool = False) -> None:
        if num_tags <= 0:
            raise ValueError(f"invalid number of tags: {num_tags}")
        super().__init__()
        self.num_tags = num_tags
        self.batch_first = batch_first
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all scores uniformly between -0.1 and 0.1."""
        for scores in (self.start_transitions, self.end_transitions, self.transitions):
            nn.init.uniform_(scores, -0.1, 0.1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_tags={self.num_tags})"

    def forward(
        self,
        emissions: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor | None = None,
        reduction: str = "sum",
    ) -> torch.Tensor:
        """The log likelihood of tags: (batch,) if `reduction` is `none`, else a scalar. Its negative is the loss.

        Args:
            emissions: scores, (batch, words, tags).
            tags: (batch, words) int64; any known tag where masked.
            mask: (batch, words), all on where None.
            reduction: `none`, `sum` over the batch, `mean` over the batch, or `token_mean`, the sum over all words that
                count.
        """
        self._validate(emissions, tags, mask)
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}")
        emissions, counted = self._prepare_inputs(emissions, mask)
        tags = self._words_first(tags)
        likelihood = log_likelihood(emissions, tags.to(emissions.device), counted, *self._scores(emissions))
        if mask is not None and mask.device.type != "cpu":
            likelihood = likelihood.masked_fill(~counted[0], torch.nan)
        likelihood = likelihood.to(self.transitions.device)
        if reduction == "none":
            return likelihood
        if reduction == "mean":
            return likelihood.mean()
        total = likelihood.sum()
        return total if reduction == "sum" else total / counted.to(total.device).sum()

    def decode(
        self, emissions: torch.Tensor, mask: torch.Tensor | None = None, constraints: Constraints | None = None
    ) -> list[list[int]]:
        """The best tag sequence of each row.

        Args:
            emissions: scores, (batch, words, tags).
            mask: (batch, words), all on where None.
            legal: allow only these starts, transitions and ends (labkit.model.crf.constraints); the likelihood knows nothing of
                it. Where no sequence of a row's length is allowed, the row's answer is arbitrary.
        """
        self._validate(emissions, mask=mask)
        emissions, counted = self._prepare_inputs(emissions.detach(), mask)
        start, transitions, end = (scores.detach() for scores in self._scores(emissions))
        if constraints is not None:
            allowed = constraints.to(emissions.device)
            start = start.masked_fill(~allowed.start, -torch.inf)
            transitions = transitions.masked_fill(~allowed.transitions, -torch.inf)
            end = end.masked_fill(~allowed.end, -torch.inf)
        rows = viterbi_decode(emissions, counted, start, transitions, end).tolist()  # the only transfer
        return [row[: row.index(self.num_tags)] for row in rows]

    @torch.no_grad()
    def marginals(self, emissions: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Each tag's probability at each word, shaped as the emissions; 0 where masked."""
        self._validate(emissions, mask=mask)
        inner, counted = self._prepare_inputs(emissions, mask)
        order = compute_positions(counted)
        known = compute_posteriors(forward_backward(inner, order, *self._scores(inner)), order)
        probabilities = known.marginals.masked_fill_(~counted.unsqueeze(2), 0).to(emissions.dtype)
        return self._words_first(probabilities).to(emissions.device)

    @torch.no_grad()
    def tag_probabilities(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How probable given tags are: each alone, and each after the one before; both (batch, words), 0 where masked.

        A chain's tags depend on each other through neighbours only. So the probability that exactly these tags stand
        from word a to word b, whatever stands elsewhere, is the first's alone times the others' after the one before:
        `alone[a] * onward[a + 1 : b + 1].prod()`. At the first word `onward` equals `alone`.
        """
        self._validate(emissions, tags, mask)
        inner, counted = self._prepare_inputs(emissions, mask)
        tags = self._words_first(tags).to(inner.device)
        order = compute_positions(counted)
        sweeps = forward_backward(inner, order, *self._scores(inner))
        known = compute_posteriors(sweeps, order)
        alone = known.marginals.gather(2, tags.unsqueeze(2)).squeeze(2)
        before = order.step[:, 0].gather(0, (order.rank[1:] - 1).clamp_(min=0))
        weights = sweeps.transition_factors[tags.gather(0, before)] * known.backward[1:]  # (words - 1, batch, tags)
        onward = weights.gather(2, tags[1:].unsqueeze(2)).squeeze(2) / weights.sum(2)
        both = torch.stack((alone, torch.cat((alone[:1], onward)))).masked_fill_(~counted, 0)
        first, second = both.to(emissions.device, emissions.dtype).unbind()
        return self._words_first(first), self._words_first(second)

    def _words_first(self, tensor: torch.Tensor) -> torch.Tensor:
        """From the caller's order of dimensions to (words, batch, …), or back."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

    def _prepare_inputs(self, emissions: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Emissions and bool mask as (words, batch, …), on a device that has float64: Apple's GPU has none."""
        emissions = self._words_first(emissions)
        if emissions.device.type == "mps":
            emissions = emissions.cpu()
        if mask is None:
            return emissions, torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
        return emissions, self._words_first(mask).to(emissions.device, torch.bool)

    def _scores(self, emissions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Start, transition and end scores, where the emissions are."""
        device = emissions.device
        return self.start_transitions.to(device), self.transitions.to(device), self.end_transitions.to(device)

    def _validate(
        self, emissions: torch.Tensor, tags: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> None:
        if emissions.dim() != 3:
            raise ValueError(f"emissions must have dimension of 3, got {emissions.dim()}")
        if emissions.size(2) != self.num_tags:
            raise ValueError(f"expected last dimension of emissions is {self.num_tags}, got {emissions.size(2)}")
        for name, given in (("tags", tags), ("mask", mask)):
            if given is not None and emissions.shape[:2] != given.shape:
                raise ValueError(
                    f"the first two dimensions of emissions and {name} must match, "
                    f"got {tuple(emissions.shape[:2])} and {tuple(given.shape)}"
                )
        if mask is not None and mask.device.type == "cpu" and not self._words_first(mask)[0].all():
            raise ValueError("mask of the first timestep must all be on")
