"""labkit: an interactive tuning lab for named-entity recognition with BERT, BiLSTM and CRF."""

__version__ = "0.1.0"
