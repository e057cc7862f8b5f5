"""Encoders of pictures."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mmrec.features.encoders import Source, compiled, register


@register("image", "conv")
class ConvPictureEncoder:
    """O of formula (2), section 4.2, with the fixed filter bank: colours and edges, nothing trained.

    Args:
        height, width: size to which every picture is scaled.
        grid: cells, down and across, in which the feature maps are averaged.
        rows: pictures encoded at once; smaller batches are filled up, so that a row does not depend on its batch.
    """

    name = "conv"
    modality = "image"
    version = "1"
    LAYER: ClassVar[dict[str, Any]] = {"initializer": "bank", "kernel_size": 7, "strides": 2, "activation": "relu"}
    FILTERS = 48

    def __init__(self, height: int = 96, width: int = 64, grid: tuple[int, int] = (3, 2), rows: int = 32) -> None:
        self.rows = rows
        self.parameters: dict[str, Any] = {"height": height, "width": width, "grid": list(grid), **self.LAYER}
        self.size = grid[0] * grid[1] * self.FILTERS

    def load(self, source: Source) -> np.ndarray:
        import cv2

        from mmrec.data.media import read_image

        size = (self.parameters["width"], self.parameters["height"])
        return cv2.resize(read_image(source), size, interpolation=cv2.INTER_AREA)  # (H, W, 3) uint8

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        pictures = np.zeros((self.rows, *batch[0].shape), np.float32)  # (rows, H, W, 3)
        pictures[: len(batch)] = np.stack(batch) / np.float32(255)
        model = compiled(self, self._compile)
        return np.asarray(model.predict_on_batch(pictures), np.float32)[: len(batch)]  # (B, p)

    def _compile(self) -> Any:
        """Formula (2), a fifth faster than layer by layer."""
        import keras

        from mmrec.layers import ConvEncoder

        layer = ConvEncoder(grid=tuple(self.parameters["grid"]), **self.LAYER, trainable=False)

        class Encoding(keras.Model):
            """F (B, H, W, 3) -> O (B, p)."""

            def call(self, inputs: Any) -> Any:
                return layer(inputs)

        model = Encoding()
        model.compile(jit_compile=False)
        return model
