r"""Formula (2), section 4.2, several layers deep: a convolutional network trained from scratch.

$O^{(l)} = \sigma(W^{(l)} * O^{(l-1)} + b^{(l)})$ with $O^{(0)} = F$; after each layer the maximum of every 2 x 2 pixels
is kept, so that the next filters see twice as far. The mean over space of the last maps goes to one dense layer.
Explained in notebooks/03-image.ipynb.

References: LeCun et al. (1998), Gradient-based learning applied to document recognition; Lin et al. (2014), Network
in network (the mean over space); Selvaraju et al. (2017), Grad-CAM.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from mmrec.errors import InputError, MmrecError
from mmrec.seeding import set_seed


def make_network(
    classes: int, height: int, width: int, *, filters: Sequence[int] = (16, 32, 64), kernel_size: int = 3, seed: int = 0
) -> keras.Model:
    """An untrained network: pictures (B, H, W, 3) in [0, 1] -> logits (B, classes).

    Args:
        classes: number of classes.
        height, width: of the pictures; at least 2 to the power of the number of layers.
        filters: of each convolution, the first one first; the layers are named ``conv_1``, ``conv_2``, ...
        kernel_size: k, side of a filter in pixels.
        seed: of the first weights.

    Raises:
        InputError: the pictures are too small to be halved so often.
    """
    if min(height, width) < 2 ** len(filters):
        raise InputError(f"pictures of {height} x {width} cannot be halved {len(filters)} times: give fewer filters")
    set_seed(seed)
    inputs = keras.Input((height, width, 3), name="picture")  # (B, H, W, 3)
    x = inputs
    for number, count in enumerate(filters, 1):
        start = keras.initializers.HeNormal()  # keeps the size of the signal through ReLU
        convolution = layers.Conv2D(
            count, kernel_size, padding="same", activation="relu", kernel_initializer=start, name=f"conv_{number}"
        )
        x = convolution(x)  # (B, H', W', filters)
        x = layers.MaxPooling2D(name=f"pool_{number}")(x)  # (B, H' / 2, W' / 2, filters)
    x = layers.GlobalAveragePooling2D(name="mean")(x)  # (B, filters)
    return keras.Model(inputs, layers.Dense(classes, name="classes")(x), name="picture_network")  # (B, classes)


def train_network(
    model: keras.Model,
    pictures: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int = 20,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> list[float]:
    """Train on labelled pictures; half are mirrored, drawn again each epoch. The same seed gives the same bits.

    Args:
        model: of ``make_network``.
        pictures: (n, H, W, 3) float32 in [0, 1].
        labels: (n,) class of each.
        epochs, batch_size, learning_rate: of the Adam optimiser.
        seed: of order and mirrors.

    Returns:
        The mean loss of each epoch.
    """
    set_seed(seed)
    rng = np.random.default_rng(seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # made while tracing, they would be traced twice
    history = []
    for _ in range(epochs):
        order, losses = rng.permutation(len(pictures)), []
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = pictures[rows]  # (B, H, W, 3)
            mirrored = rng.random(len(rows)) < 0.5  # (B,)
            batch[mirrored] = batch[mirrored, :, ::-1]
            losses.append(float(model.train_on_batch(batch, labels[rows])))
        history.append(float(np.mean(losses)))
    return history


def _convolutions(model: keras.Model) -> list[Any]:
    found = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    if not found:
        raise InputError(f"{model.name} has no convolution")
    return found


def feature_maps(model: keras.Model, picture: np.ndarray) -> dict[str, np.ndarray]:
    """What each convolution answers to one picture (H, W, 3): name of the layer -> (h, w, filters)."""
    convolutions = _convolutions(model)
    answers = keras.Model(model.inputs, [layer.output for layer in convolutions])
    maps = answers(ops.convert_to_tensor(picture[None], "float32"), training=False)  # each (1, h, w, filters)
    return {
        layer.name: ops.convert_to_numpy(one)[0]
        for layer, one in zip(convolutions, keras.tree.flatten(maps), strict=True)
    }


def grad_cam(model: keras.Model, picture: np.ndarray, class_index: int) -> np.ndarray:
    r"""Where a class is seen: $\mathrm{ReLU}(\sum_f \alpha_f A_f)$, $\alpha_f$ the mean of $\partial y / \partial A_f$.

    A_f are the maps of the last convolution and y is the logit of the class.

    Args:
        model: with a convolution, and logits at its end.
        picture: (H, W, 3) float32 in [0, 1].
        class_index: of the class.

    Returns:
        (H, W) float32 from 0 to 1, the largest value 1; zeros where nothing speaks for the class.

    Raises:
        MmrecError: Keras runs on another backend than TensorFlow, which alone is asked for gradients here.
        InputError: the model has no such class, or no convolution.
    """
    if keras.backend.backend() != "tensorflow":
        raise MmrecError(f"Grad-CAM needs KERAS_BACKEND=tensorflow, not {keras.backend.backend()}")
    import cv2
    import tensorflow as tf

    if not 0 <= class_index < model.output_shape[-1]:
        raise InputError(f"class {class_index}: the model has classes 0 to {model.output_shape[-1] - 1}")
    both = keras.Model(model.inputs, [_convolutions(model)[-1].output, model.output])
    with tf.GradientTape() as tape:
        maps, logits = both(tf.convert_to_tensor(picture[None], tf.float32), training=False)  # (1, h, w, f), (1, C)
        logit = logits[0, class_index]
    slope = tape.gradient(logit, maps)[0].numpy()  # (h, w, f)
    heat = np.maximum(maps[0].numpy() @ slope.mean(axis=(0, 1)), 0)  # (h, w)
    heat = cv2.resize(heat, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)  # (H, W)
    return (heat / max(float(heat.max()), 1e-9)).astype(np.float32)
