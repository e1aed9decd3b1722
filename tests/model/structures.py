"""What can follow an encoder: every choice at least once, small."""

from labkit.model.head_config import Structure

STRUCTURES = {
    "BiLSTM": Structure(lstm_size=8),
    "IDCNN": Structure(downstream="idcnn", idcnn_filters=12),
    "nothing": Structure(downstream="none"),
    "BiLSTM and softmax": Structure(lstm_size=8, decoder="softmax"),
    "nothing and softmax": Structure(downstream="none", decoder="softmax"),
    "a mix of layers and a tanh layer": Structure(lstm_size=8, mix_layers=True, tanh_size=7),
    "a projection, a mix and IDCNN": Structure(
        downstream="idcnn",
        decoder="softmax",
        idcnn_filters=12,
        idcnn_dilations="1,2",
        idcnn_repeats=2,
        mix_layers=True,
        projection_size=10,
    ),
}
