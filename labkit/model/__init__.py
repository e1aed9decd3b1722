"""The tagger: encoder, downstream structure, CRF, and the groups that its learning rates are set by."""
