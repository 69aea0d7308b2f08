"""What a network knows of a film just before it answers."""

import numpy as np

from cxrmlops.model.inference import Reader


def read_embeddings(reader: Reader, squares: np.ndarray) -> np.ndarray:
    """Average the last block's features over each film.

    The network's logit is one weighted sum of these numbers, and the bias.

    Args:
        reader: a bundle, ready to read.
        squares: shape (n, size, size), uint8.

    Returns:
        Shape (n, c), float32; c is 512 for a ResNet-18, 2048 for a ResNet-152, and so
        many for each network of an ensemble.
    """
    channels = sum(each.evidence.in_channels for each in reader.network.members)
    return reader.read(squares).features[:, -channels:]
