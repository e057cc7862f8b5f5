r"""Formula (2), section 4.2: $O = \sigma(W * F + b)$. Explained in notebooks/03-image.ipynb."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError


def filter_bank(kernel_size: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """A fixed bank of detectors, so that an encoder that was never trained still gives a usable feature.

    12 hues (directions in the plane orthogonal to grey), 8 corners of the RGB cube, 4 steps of brightness, and
    Gabor edges and bars in 6 orientations at 2 scales. The biases are thresholds: a colour detector is silent
    until its colour is near, which keeps palettes apart after averaging.

    Args:
        kernel_size: k, side of a filter in pixels.

    Returns:
        W (k, k, 3, 48) and b (48,), float32.

    References: Daugman (1985), Uncertainty relation for resolution in space, spatial frequency, and orientation.
    """
    k = kernel_size
    red, yellow_blue = np.array([2, -1, -1]) / 6**0.5, np.array([0, 1, -1]) / 2**0.5  # (3,), (3,)
    colours = [(3 * (np.cos(a) * red + np.sin(a) * yellow_blue), -0.5) for a in np.arange(12) * np.pi / 6]
    corners = np.array(list(np.ndindex(2, 2, 2)))  # (8, 3)
    colours += [(2.0 * c - 1, 1.0 - c.sum()) for c in corners]
    grey = np.full(3, 1 / 3)  # (3,)
    colours += [(grey, 0.0), (grey, -1 / 3), (grey, -2 / 3), (-grey, 1.0)]
    filters = [np.broadcast_to(weight / k**2, (k, k, 3)) for weight, _ in colours]
    y, x = np.mgrid[:k, :k] - (k - 1) / 2  # (k, k), (k, k)
    for wavelength in (k / 2, k):
        for angle in np.arange(6) * np.pi / 6:
            along = x * np.cos(angle) + y * np.sin(angle)  # (k, k)
            for phase in (0, np.pi / 2):
                wave = np.exp(-(x**2 + y**2) / (2 * (k / 4) ** 2)) * np.cos(2 * np.pi * along / wavelength + phase)
                wave = wave - wave.mean()  # (k, k), blind to even brightness
                wave = 2 * wave / max(np.abs(wave).sum(), 1e-9)  # (k, k)
                filters.append(wave[..., None] * grey)  # (k, k, 3)
    bias = np.array([threshold for _, threshold in colours] + [0.0] * 24)  # (48,)
    return np.stack(filters, -1).astype(np.float32), bias.astype(np.float32)


def _cells(size: int, cells: int) -> np.ndarray:
    """(cells, size): each row averages one of equal spans; a pixel on a border counts by its share."""
    edges = np.arange(cells + 1) * size / cells  # (cells + 1,)
    pixel = np.arange(size)  # (size,)
    share = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])  # (cells, size)
    return np.maximum(share, 0) * cells / size  # (cells, size)


@keras.saving.register_keras_serializable("mmrec")
class ConvEncoder(keras.layers.Layer):
    r"""$O = \sigma(W * F + b)$, averaged in the cells of a grid: section 4.2, formula (2); notebooks/03-image.ipynb.

    Args:
        filters: number of filters; the bank has 48, so leave it out there.
        kernel_size: k, side of a filter in pixels.
        strides: step of the convolution in pixels.
        grid: rows and columns of cells.
        activation: sigma.
        initializer: "bank" (``filter_bank``) or "glorot_uniform".

    Inputs: F (B, H, W, 3) in [0, 1], H and W fixed; optional mask (B,), true where there is an image.
    Outputs: O (B, p), p = grid rows * grid columns * filters, cell by cell; zeros where there is no image.

    >>> ConvEncoder()(np.ones((2, 24, 16, 3), "float32")).shape[-1]
    288
    """

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int = 7,
        strides: int = 2,
        grid: tuple[int, int] = (3, 2),
        activation: str = "relu",
        initializer: str = "bank",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if initializer not in ("bank", "glorot_uniform"):
            raise InputError(f"initializer {initializer!r}: choose from bank, glorot_uniform")
        if initializer == "bank" and filters not in (None, 48):
            raise InputError(f"the bank has 48 filters, not {filters}: leave filters out")
        self.filters, self.kernel_size, self.strides = filters or 48, kernel_size, strides
        self.grid, self.initializer = (grid[0], grid[1]), initializer
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Make W and b."""
        shape = (self.kernel_size, self.kernel_size, 3, self.filters)
        kernel: Any = self.initializer
        bias: Any = "zeros"
        if self.initializer == "bank":
            w, b = filter_bank(self.kernel_size)
            kernel = lambda shape, dtype=None: ops.convert_to_tensor(w, dtype)  # noqa: E731
            bias = lambda shape, dtype=None: ops.convert_to_tensor(b, dtype)  # noqa: E731
        self.kernel = self.add_weight(shape=shape, initializer=kernel, name="kernel")  # (k, k, 3, filters)
        self.bias = self.add_weight(shape=(self.filters,), initializer=bias, name="bias")  # (filters,)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Encode the images."""
        o = ops.conv(inputs, self.kernel, strides=self.strides, padding="same") + self.bias  # (B, H', W', filters)
        o = self.activation(o)  # (B, H', W', filters)
        rows = ops.cast(_cells(o.shape[1], self.grid[0]), o.dtype)  # (gh, H')
        columns = ops.cast(_cells(o.shape[2], self.grid[1]), o.dtype)  # (gw, W')
        o = ops.einsum("bhwf,gh->bgwf", o, rows)  # (B, gh, W', filters)
        o = ops.einsum("bgwf,cw->bgcf", o, columns)  # (B, gh, gw, filters)
        o = ops.reshape(o, (-1, self.grid[0] * self.grid[1] * self.filters))  # (B, p)
        return o if mask is None else ops.where(ops.cast(mask, "bool")[:, None], o, ops.zeros_like(o))  # (B, p)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Absent images are zeros from here on; no mask goes further."""

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], self.grid[0] * self.grid[1] * self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("filters", "kernel_size", "strides", "grid", "initializer")}
        return {**super().get_config(), **own, "activation": keras.activations.serialize(self.activation)}
