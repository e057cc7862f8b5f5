r"""Formula (2), section 4.2: $O = \sigma(W * F + b)$. Explained in notebooks/03-image.ipynb."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError
from mmrec.layers.filter_bank import filter_bank


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


def _cells(size: int, cells: int) -> np.ndarray:
    """(cells, size): each row averages one of equal spans; a pixel on a border counts by its share."""
    edges = np.arange(cells + 1) * size / cells  # (cells + 1,)
    pixel = np.arange(size)  # (size,)
    share = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])  # (cells, size)
    return np.maximum(share, 0) * cells / size  # (cells, size)
