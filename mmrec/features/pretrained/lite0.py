"""EfficientNet-Lite0 as a plain Keras model: 4.7M parameters trained on ImageNet, 1,280 features of a picture.

The weights are TensorFlow's, kept in a PyTorch file, so strided convolutions are padded as TensorFlow pads ("same":
more at the bottom and on the right), not symmetrically.

References: Tan and Le (2019), EfficientNet; Sandler et al. (2018), MobileNetV2 (the inverted residual block).
"""

from pathlib import Path
from typing import Any

import numpy as np

from mmrec.errors import IntegrityError
from mmrec.features.pretrained.torch_file import read_torch_legacy

SIDE = 224
FEATURES = 1280
_CROP = 0.875  # of the shorter side
_EPSILON = 1e-3
_BLOCKS = (  # how many, kernel, stride of the first, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def preprocess(picture: np.ndarray) -> np.ndarray:
    """The middle square of a picture, (H, W, 3) uint8 RGB, as the network was trained on: (224, 224, 3) float32."""
    return normalise(square(picture))  # (224, 224, 3)


def normalise(squares: np.ndarray) -> np.ndarray:
    """From 0 to 255 to about -1 to 1, float32."""
    return (squares.astype(np.float32) - 127) / 128


def square(picture: np.ndarray) -> np.ndarray:
    """The middle square, .875 of the shorter side, scaled: (H, W, 3) uint8 -> (224, 224, 3) uint8."""
    import cv2

    height, width = picture.shape[:2]
    side = max(1, round(_CROP * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[top : top + side, left : left + side]  # (side, side, 3)
    return cv2.resize(middle, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)


def lite0(weights: Path | str) -> Any:
    """The network with its weights.

    Batch normalisation is folded into the convolution before it: y = (x * k - m) g / s + b is a convolution too.

    Args:
        weights: ``efficientnet-lite0-57934424.pth``.

    Returns:
        A compiled ``keras.Model``: pictures (B, 224, 224, 3) as ``preprocess`` makes them -> features (B, 1280),
        the mean over space of the last layer, and logits (B, 1000) of the ImageNet classes.

    Raises:
        IntegrityError: the file is damaged, or is of another network.
    """
    state = read_torch_legacy(weights)
    try:
        return _network(state)
    except (KeyError, ValueError) as error:
        raise IntegrityError(f"{weights}: not the weights of EfficientNet-Lite0 ({error})") from error


def _network(state: dict[str, np.ndarray]) -> Any:
    import keras
    from keras import layers

    built: list[tuple[Any, str, str]] = []  # layers, and the names of their weights

    def convolve(
        x: Any, kind: Any, name: str, norm: str, *arguments: Any, linear: bool = False, strides: int = 1
    ) -> Any:
        layer = kind(*arguments, strides=strides, padding="same")
        built.append((layer, name, norm))
        x = layer(x)
        return x if linear else layers.ReLU(6.0)(x)

    inputs = keras.Input((SIDE, SIDE, 3))
    x = convolve(inputs, layers.Conv2D, "_conv_stem", "_bn0", 32, 3, strides=2)  # (B, 112, 112, 32)
    number = 0
    for count, kernel, stride, expansion, filters in _BLOCKS:
        for position in range(count):
            block, before = f"_blocks.{number}.", x  # (B, h, w, c)
            if expansion > 1:
                wide = expansion * x.shape[-1]
                x = convolve(x, layers.Conv2D, block + "_expand_conv", block + "_bn0", wide, 1)  # (B, h, w, 6 c)
            steps = stride if position == 0 else 1
            depthwise = block + "_depthwise_conv"
            x = convolve(
                x, layers.DepthwiseConv2D, depthwise, block + "_bn1", kernel, strides=steps
            )  # (B, h', w', 6 c)
            project = block + "_project_conv"
            x = convolve(x, layers.Conv2D, project, block + "_bn2", filters, 1, linear=True)  # (B, h', w', filters)
            if position:  # same shape as before
                x = layers.Add()([x, before])
            number += 1
    x = convolve(x, layers.Conv2D, "_conv_head", "_bn1", FEATURES, 1)  # (B, 7, 7, 1280)
    features = layers.GlobalAveragePooling2D()(x)  # (B, 1280)
    classes = layers.Dense(1000)
    model = keras.Model(inputs, [features, classes(features)], name="efficientnet_lite0")
    for layer, name, norm in built:
        layer.set_weights(_folded(state, name, norm))
    classes.set_weights([state["_fc.weight"].T, state["_fc.bias"]])
    model.trainable = False
    model.compile(jit_compile=False)
    return model


def _folded(state: dict[str, np.ndarray], name: str, norm: str) -> list[np.ndarray]:
    """Kernel and bias of a convolution with the batch normalisation that follows it."""
    scale = state[norm + ".weight"] / np.sqrt(state[norm + ".running_var"] + np.float32(_EPSILON))  # (out,)
    kernel = state[name + ".weight"] * scale[:, None, None, None]  # (out, in, k, k)
    # PyTorch's order is (out, in, k, k); Keras's is (k, k, in, out), or (k, k, out, 1) where each channel has its own
    order = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)
    return [kernel.transpose(order), state[norm + ".bias"] - state[norm + ".running_mean"] * scale]
