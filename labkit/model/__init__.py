"""The tagger, to be read in reference.py: encoder, downstream structure, CRF or softmax; fast/ has it faster."""
