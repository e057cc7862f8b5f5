"""Training of the networks, and the parts that several of them share."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


class BatchLossModel(keras.Model):
    """A model whose loss is a function of the whole batch: ``call`` returns its outputs, ``batch_loss`` the loss.

    A Keras loss sees the labels and one prediction for each of them. The losses of these models also read the negatives
    that the batch shares, or the weights that a penalty is on.
    """

    def batch_loss(self, targets: Any, outputs: Any) -> Any:
        """The scalar loss of a batch, from its targets and from what ``call`` made of its inputs."""
        raise NotImplementedError

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss, as Keras asks for it."""
        return self.batch_loss(y, y_pred)

    def train_with_adam(
        self, batches: keras.utils.PyDataset, *, epochs: int, learning_rate: float, decay: bool = False
    ) -> None:
        """Compile with Adam, and train.

        Args:
            batches: tuples of inputs and targets, in training order.
            epochs: passes over the batches.
            learning_rate: of the optimiser.
            decay: whether the rate falls to 0, along half a cosine.

        Raises:
            InputError: there is no batch.
        """
        if not len(batches):
            raise InputError("there is no like to learn from: the network needs users with likes in several rows")
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches)) if decay else learning_rate
        self.compile(keras.optimizers.Adam(rate), jit_compile=False)
        train_on_batches(self, batches, epochs=epochs)


def train_on_batches(network: keras.Model, batches: keras.utils.PyDataset, *, epochs: int) -> None:
    """Train a compiled network; the weights are those that its ``fit`` would give.

    The only place that trains without ``fit``, for two measured reasons. ``fit`` passes each small batch through a
    queue, which takes a third of a step's time. And TensorFlow's queue makes the process return all freed memory at
    once, so that every later step has to request it page by page again.

    Args:
        network: compiled.
        batches: tuples of inputs, targets and sample weights (the latter two where the loss needs them), in training
            order. Their arrays may differ in length, but not in their other axes.
        epochs: passes over the batches.
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
    """The network's ``train_step`` for batches of any length that are otherwise like this one, traced once.

    ``train_on_batch`` makes TensorFlow trace the step, in seconds, for the first length, for any other length, and
    again if the last batch has fewer users.
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
