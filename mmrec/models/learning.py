"""What the networks share that are trained on a loss of whole batches, not on one number a row."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


class LossNetwork(keras.Model):
    """A network whose ``call`` turns the inputs of a batch into the loss."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """What ``call`` gave."""
        return y_pred

    def learn(self, batches: keras.utils.PyDataset, *, epochs: int, learning_rate: float, decay: bool = False) -> None:
        """Train with Adam.

        Args:
            batches: inputs, in the order in which they are to be taken.
            epochs: how often.
            learning_rate: of the optimiser.
            decay: whether the rate falls to 0, along half a cosine.

        Raises:
            InputError: there is no batch.
        """
        if not len(batches):
            raise InputError("there is no like to learn from: the network needs people with likes in several rows")
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches)) if decay else learning_rate
        self.compile(keras.optimizers.Adam(rate), jit_compile=False)
        train_on_batches(self, batches, epochs=epochs)


def train_on_batches(network: keras.Model, batches: keras.utils.PyDataset, *, epochs: int) -> None:
    """Train a compiled network, as its ``fit`` would.

    ``fit`` hands each small batch through a queue, a third of a step's time; and TensorFlow's queue makes the process
    give all freed memory back at once, so that every later step takes it page by page again.

    Args:
        network: compiled.
        batches: tuples of inputs and, where the loss asks for them, labels and weights, in the order in which they are
            to be taken. Their arrays may differ in length, but not in their other axes.
        epochs: how often.
    """
    optimizer = network.optimizer
    # Variables that are first made while a step is traced are traced twice, and their graphs never freed.
    optimizer.build(network.trainable_variables)
    step = None
    for _ in range(epochs):
        for index in range(len(batches)):
            batch = batches[index]
            step = step or _step(network, batch)
            step(batch)
        batches.on_epoch_end()
    optimizer.finalize_variable_values(network.trainable_variables)  # running means, where they are kept


def _step(network: keras.Model, batch: tuple[Any, ...]) -> Callable[[tuple[Any, ...]], Any]:
    """One step of Keras's own, for batches of any length that are otherwise like this one.

    ``train_on_batch`` makes TensorFlow trace the step, in seconds, for the first length, for any other length, and
    again if the last batch has fewer people; this one is traced once.
    """
    if keras.backend.backend() != "tensorflow":
        return lambda batch: network.train_on_batch(*batch)
    import tensorflow

    shapes = keras.tree.map_structure(lambda x: tensorflow.TensorSpec((None, *x.shape[1:]), x.dtype), batch)
    return tensorflow.function(network.train_step, input_signature=[shapes], autograph=False)


def normal(deviation: float) -> keras.initializers.Initializer:
    """Initial weights about 0; two of them are not the same numbers."""
    return keras.initializers.RandomNormal(stddev=deviation, seed=keras.random.SeedGenerator())


def unit(x: Any) -> Any:
    """(n, d) with each row scaled to length 1; zeros stay."""
    return x / ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True) + 1e-12)


def rows_of(table: Any, index: Any) -> Any:
    """(n, d) or (n,): rows of a weight.

    The sum makes the gradient a whole table, which Adam takes in faster than a list of rows.
    """
    return ops.take(table + 0.0, index, axis=0)
