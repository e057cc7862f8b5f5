"""What the networks share that are trained on a loss of whole batches, not on one number a row."""

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
        self.optimizer.build(self.trainable_variables)  # made while a step is traced, they would trace it twice
        for _ in range(epochs):  # ``fit`` hands each small batch through a queue, a third of a step's time
            for index in range(len(batches)):
                self.train_on_batch(*batches[index])
            batches.on_epoch_end()


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
