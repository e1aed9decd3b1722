"""CRF layer: pytorch-crf's, with gradients in closed form and batched decoding."""

import torch
import torchcrf

from labkit.model.crf.constraints import Constraints
from labkit.model.crf.forward_backward import compute_positions, compute_posteriors, forward_backward
from labkit.model.crf.likelihood import log_likelihood
from labkit.model.crf.viterbi import viterbi_decode

REDUCTIONS = ("none", "sum", "mean", "token_mean")


class CRF(torchcrf.CRF):  # type: ignore[misc]  # it has no types
    """Linear-chain conditional random field. (Lafferty et al. 2001)

    Parameters, arguments, results and errors are those of pytorch-crf 0.7.2. Every tensor below is (batch, words, …) if
    `batch_first`, else (words, batch, …).

    Masks are bool or uint8, and true at the first step; masked steps are skipped wherever they are. Where a mask has
    holes, not only padding, the likelihood is pytorch-crf's, which reads the tags under them. Decoding then returns the
    best sequence of the unmasked words; pytorch-crf follows the wrong steps there.

    Loss and decoding never wait for the device, except for the decoded tags. The check of the mask's first step would
    wait, so on a device a row that fails it has the likelihood NaN, and nothing is raised.
    """

    def forward(
        self,
        emissions: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor | None = None,
        reduction: str = "sum",
    ) -> torch.Tensor:
        """Log likelihood of tags; its negative is the loss.

        Args:
            emissions: scores, (batch, words, tags).
            tags: (batch, words) int64; any known tag where masked.
            mask: (batch, words); all true if None.
            reduction: `none`, `sum` over the batch, `mean` over the batch, or `token_mean`, the sum divided by the
                number of unmasked words.

        Returns:
            (batch,) if `reduction` is `none`, else a scalar.
        """
        self._validate(emissions, tags, mask)
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}")
        emissions, inner_mask = self._prepare_inputs(emissions, mask)
        tags = self._words_first(tags)
        likelihood = log_likelihood(emissions, tags.to(emissions.device), inner_mask, *self._scores(emissions))
        if mask is not None and mask.device.type != "cpu":
            likelihood = likelihood.masked_fill(~inner_mask[0], torch.nan)
        likelihood = likelihood.to(self.transitions.device)
        if reduction == "none":
            return likelihood
        if reduction == "mean":
            return likelihood.mean()
        total = likelihood.sum()
        return total if reduction == "sum" else total / inner_mask.to(total.device).sum()

    def decode(
        self, emissions: torch.Tensor, mask: torch.Tensor | None = None, constraints: Constraints | None = None
    ) -> list[list[int]]:
        """Find the best tag sequence of each row.

        Args:
            emissions: scores, (batch, words, tags).
            mask: (batch, words); all true if None.
            constraints: the only starts, transitions and ends that are allowed. They have no effect on the likelihood.
                Where no sequence of a row's length is allowed, the row's result is arbitrary.
        """
        self._validate(emissions, mask=mask)
        emissions, inner_mask = self._prepare_inputs(emissions.detach(), mask)
        start, transitions, end = (scores.detach() for scores in self._scores(emissions))
        if constraints is not None:
            allowed = constraints.to(emissions.device)
            start = start.masked_fill(~allowed.start, -torch.inf)
            transitions = transitions.masked_fill(~allowed.transitions, -torch.inf)
            end = end.masked_fill(~allowed.end, -torch.inf)
        rows = viterbi_decode(emissions, inner_mask, start, transitions, end).tolist()  # the only transfer
        return [row[: row.index(self.num_tags)] for row in rows]

    @torch.no_grad()
    def marginals(self, emissions: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Probability of each tag at each word, in the emissions' shape.

        0 where masked.
        """
        self._validate(emissions, mask=mask)
        inner, inner_mask = self._prepare_inputs(emissions, mask)
        positions = compute_positions(inner_mask)
        posteriors = compute_posteriors(forward_backward(inner, positions, *self._scores(inner)), positions)
        probabilities = posteriors.marginals.masked_fill_(~inner_mask.unsqueeze(2), 0).to(emissions.dtype)
        return self._words_first(probabilities).to(emissions.device)

    @torch.no_grad()
    def tag_probabilities(
        self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Marginal and conditional probabilities of given tags.

        A chain's tags depend on each other through neighbours only. So the probability that exactly these tags stand
        from word a to word b, whatever stands elsewhere, is the marginal of the first times the conditionals of the
        others: `marginals[a] * conditionals[a + 1 : b + 1].prod()`.

        Returns:
            Each tag's probability, and its probability given the tag before, which at the first word is the marginal;
            both (batch, words), 0 where masked.
        """
        self._validate(emissions, tags, mask)
        inner, inner_mask = self._prepare_inputs(emissions, mask)
        tags = self._words_first(tags).to(inner.device)
        positions = compute_positions(inner_mask)
        messages = forward_backward(inner, positions, *self._scores(inner))
        posteriors = compute_posteriors(messages, positions)
        marginals = posteriors.marginals.gather(2, tags.unsqueeze(2)).squeeze(2)
        before = positions.step[:, 0].gather(0, (positions.rank[1:] - 1).clamp_(min=0))
        weights = messages.transition_factors[tags.gather(0, before)] * posteriors.backward[1:]
        conditionals = weights.gather(2, tags[1:].unsqueeze(2)).squeeze(2) / weights.sum(2)
        both = torch.stack((marginals, torch.cat((marginals[:1], conditionals)))).masked_fill_(~inner_mask, 0)
        first, second = both.to(emissions.device, emissions.dtype).unbind()
        return self._words_first(first), self._words_first(second)

    def _words_first(self, tensor: torch.Tensor) -> torch.Tensor:
        """Transpose the caller's dimensions to (words, batch, …), or back."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

    def _prepare_inputs(self, emissions: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring emissions and bool mask to (words, batch, …).

        On a device that has float64: Apple's GPU has none.
        """
        emissions = self._words_first(emissions)
        if emissions.device.type == "mps":
            emissions = emissions.cpu()
        if mask is None:
            return emissions, torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
        return emissions, self._words_first(mask).to(emissions.device, torch.bool)

    def _scores(self, emissions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Start, transition and end scores on the emissions' device."""
        device = emissions.device
        return self.start_transitions.to(device), self.transitions.to(device), self.end_transitions.to(device)

    def _validate(
        self, emissions: torch.Tensor, tags: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> None:
        """Raise pytorch-crf's errors; checks of the mask only on a CPU, as they read it."""
        super()._validate(emissions, tags, mask if mask is not None and mask.device.type == "cpu" else None)
