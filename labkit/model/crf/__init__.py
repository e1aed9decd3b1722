"""Linear-chain CRF: layer, forward-backward, likelihood, Viterbi decoding, constraints."""

from labkit.model.crf.layer import CRF

__all__ = ["CRF"]
