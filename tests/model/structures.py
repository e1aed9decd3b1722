"""Small heads: every choice of downstream structure and decoder at least once."""

from labkit.model.head_config import HeadConfig

STRUCTURES = {
    "BiLSTM": HeadConfig(lstm_size=8),
    "IDCNN": HeadConfig(downstream="idcnn", idcnn_filters=12),
    "nothing": HeadConfig(downstream="none"),
    "BiLSTM and softmax": HeadConfig(lstm_size=8, decoder="softmax"),
    "nothing and softmax": HeadConfig(downstream="none", decoder="softmax"),
    "a mix of layers and a tanh layer": HeadConfig(lstm_size=8, mix_layers=True, tanh_size=7),
    "a projection, a mix and IDCNN": HeadConfig(
        downstream="idcnn",
        decoder="softmax",
        idcnn_filters=12,
        idcnn_dilations="1,2",
        idcnn_repeats=2,
        mix_layers=True,
        projection_size=10,
    ),
}
