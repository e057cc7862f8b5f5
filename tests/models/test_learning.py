"""Training without a queue takes every batch in its order, and ends with the running means where they are kept."""

import keras
import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.models.learning import BatchLossModel, rows_of, train_on_batches, unit


class Batches(keras.utils.PyDataset):
    def __init__(self, count):
        super().__init__()
        self.count, self.asked, self.epochs = count, [], 0
        rng = np.random.default_rng(0)
        self.rows = [(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 1)).astype("float32"))] * count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.asked.append(index)
        return self.rows[index]

    def on_epoch_end(self):
        self.epochs += 1


def network(**settings):
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    made.compile(keras.optimizers.SGD(0.1, **settings), "mse")
    return made


def test_every_batch_once_an_epoch_in_order():
    batches = Batches(3)
    made = network()
    train_on_batches(made, batches, epochs=2)
    assert batches.asked == [0, 1, 2, 0, 1, 2]
    assert batches.epochs == 2
    assert int(made.optimizer.iterations) == 6


def test_same_weights_as_fit():
    ours, theirs = network(), network()
    train_on_batches(ours, Batches(3), epochs=2)
    theirs.fit(Batches(3), epochs=2, shuffle=False, verbose=0)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine == pytest.approx(other, abs=1e-6)


def test_a_step_is_traced_once_whatever_the_lengths_of_batches():
    class Counted(BatchLossModel):
        def __init__(self):
            super().__init__()
            self.traced, self.w = 0, self.add_weight(shape=(3,), initializer="zeros")
            self.built = True

        def call(self, inputs):
            self.traced += 1
            return keras.ops.matmul(inputs["x"], self.w)

        def batch_loss(self, targets, outputs):
            return keras.ops.sum((outputs - 1) ** 2) + keras.ops.sum(targets["row"])

    class Uneven(Batches):
        def __getitem__(self, index):
            return {"x": np.ones((index + 1, 3), np.float32)}, {"row": np.zeros(5 * index, np.float32)}

    counted = Counted()
    counted.train_with_adam(Uneven(4), epochs=2, learning_rate=0.1)
    assert counted.traced == 1
    assert np.asarray(counted.w).min() > 0.1


def test_running_means_are_what_is_left():
    plain, averaged = network(), network(use_ema=True, ema_momentum=0.9)
    steps = []
    for _ in range(4):
        train_on_batches(plain, Batches(1), epochs=1)
        steps.append([weight.copy() for weight in plain.get_weights()])
    mean = steps[0]
    for weights in steps[1:]:
        mean = [0.9 * before + 0.1 * now for before, now in zip(mean, weights, strict=True)]
    train_on_batches(averaged, Batches(1), epochs=4)
    for kept, expected in zip(averaged.get_weights(), mean, strict=True):
        assert kept == pytest.approx(expected, abs=1e-5)


def test_nothing_to_learn_from_is_said():
    with pytest.raises(InputError, match="no like to learn from"):
        BatchLossModel().train_with_adam(Batches(0), epochs=1, learning_rate=0.1)


def test_unit_rows_and_chosen_rows():
    x = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    assert np.asarray(unit(x)) == pytest.approx(np.array([[0.6, 0.8], [0, 0]]), abs=1e-6)
    assert np.asarray(rows_of(x, np.array([1, 0]))).tolist() == [[0.0, 0.0], [3.0, 4.0]]
