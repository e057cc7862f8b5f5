"""Random seeds of training."""

import keras


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and Keras, and make TensorFlow deterministic, so that training repeats itself to the bit.

    Sums of more than two terms need care as well: see ``mmrec.models.document_network._sum``.

    Args:
        seed: of the initial weights, the order of the batches, dropout and sampling.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
