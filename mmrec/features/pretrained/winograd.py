"""VGG16's convolutions with a quarter of the products, a picture at a time: on a processor they are all its time.

Reference: Lavin and Gray (2016), Fast algorithms for convolutional neural networks, CVPR.
"""

from typing import Any

import numpy as np
from numba import njit

_TILES_AT_ONCE = 256
_fast = njit(nogil=True, fastmath={"contract", "nsz"})


class FastConvolutions:
    r"""A network of 3 x 3 convolutions, ReLU and 2 x 2 pools on one picture at a time, the mean over space at its end.

    Four by four neighbouring results see six by six numbers d. Written out, they take 144 products with a kernel g;
    as $A^T [(G g G^T) \odot (B^T d B)] A$ they take 36, and $G g G^T$ is made once (Lavin and Gray, section 4.3).
    The sums over channels are then 36 products of matrices. The results are the network's own up to rounding.

    Args:
        network: a Keras model like VGG16 without its classes; its weights are copied.
    """

    KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24  # G (6, 3)

    def __init__(self, network: Any) -> None:
        self.layers: list[tuple[np.ndarray, np.ndarray, bool]] = []  # (36, C, K), (K,), whether a pool follows
        for layer in network.layers:
            if layer.weights:
                kernel, bias = (np.asarray(weight) for weight in layer.get_weights())  # (3, 3, C, K), (K,)
                tiled = np.kron(self.KERNEL, self.KERNEL).astype(np.float32) @ kernel.reshape(9, -1)  # (36, C * K)
                kernel = tiled.reshape(36, *kernel.shape[2:])  # (36, C, K), G g G^T
                self.layers.append((kernel, bias, False))
            elif type(layer).__name__ == "MaxPooling2D":
                self.layers[-1] = (*self.layers[-1][:2], True)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """The mean over space of the last maps.

        Args:
            picture: (H, W, 3), prepared as for the Keras model.

        Returns:
            (K,) float32.
        """
        height, width = picture.shape[:2]
        maps = _bordered(height, width, picture.shape[2])  # (H + border, W + border, 3)
        maps[1 : height + 1, 1 : width + 1] = picture
        for kernel, bias, pool in self.layers:
            step = 2 if pool else 1
            made = _bordered(height // step, width // step, len(bias))  # (H / step + border, W / step + border, K)
            inside = made[: height // step + 2, : width // step + 2]  # (H / step + 2, W / step + 2, K)
            down, across = (len(side) // 4 for side in (maps, maps[0]))  # tiles
            together = max(1, _TILES_AT_ONCE // across)  # rows of tiles
            for first in range(0, down, together):
                tiles = np.empty((36, min(together, down - first) * across, kernel.shape[1]), np.float32)  # (36, P, C)
                _take_tiles(maps, first, across, tiles)
                _put_tiles(tiles @ kernel, bias, step, first, across, inside)  # (36, P, K)
            maps, height, width = made, height // step, width // step
        return maps[1 : height + 1, 1 : width + 1].mean(axis=(0, 1))  # (K,)


def _bordered(height: int, width: int, channels: int) -> np.ndarray:
    """Zeros for maps (H, W, C) with what the tiles read around them: a pixel on each side, and up to whole tiles."""
    return np.zeros((-(-height // 4) * 4 + 2, -(-width // 4) * 4 + 2, channels), np.float32)


@_fast
def _transformed(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    """B^T for one column: six numbers -> six."""
    even, odd = e - 4 * c, d - 4 * b
    wide, tall = e - c, 2 * (d - b)
    return 4 * a - 5 * c + e, even + odd, even - odd, wide + tall, wide - tall, 4 * b - 5 * d + f


@_fast
def _restored(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    """A^T for one column: six numbers -> four."""
    plus, minus, more, less = b + c, b - c, d + e, d - e
    return a + plus + more, minus + 2 * less, plus + 4 * more, minus + 8 * less + f


@_fast
def _take_tiles(maps: np.ndarray, first: int, across: int, tiles: np.ndarray) -> None:
    """Fill tiles (36, P, C) with B^T d B of the rows of tiles from ``first`` on, of maps (H, W, C) with a border."""
    width, channels = maps.shape[1:]
    rows = np.empty((6, width, channels), np.float32)
    flat = rows.reshape(6, width * channels)
    for down in range(tiles.shape[1] // across):
        top = 4 * (first + down)
        seen = maps[top : top + 6].reshape(6, width * channels)
        for n in range(width * channels):
            flat[0, n], flat[1, n], flat[2, n], flat[3, n], flat[4, n], flat[5, n] = _transformed(
                seen[0, n], seen[1, n], seen[2, n], seen[3, n], seen[4, n], seen[5, n]
            )
        for i in range(6):
            d, t = rows[i], tiles[6 * i : 6 * i + 6, down * across : (down + 1) * across]
            for x in range(across):
                for c in range(channels):
                    t[0, x, c], t[1, x, c], t[2, x, c], t[3, x, c], t[4, x, c], t[5, x, c] = _transformed(
                        d[4 * x, c], d[4 * x + 1, c], d[4 * x + 2, c], d[4 * x + 3, c], d[4 * x + 4, c], d[4 * x + 5, c]
                    )


@_fast
def _put_tiles(products: np.ndarray, bias: np.ndarray, step: int, first: int, across: int, made: np.ndarray) -> None:
    """Write ReLU(A^T m A + b) of products (36, P, K) into made (H, W, K) with a border; step 2: their maxima."""
    height, width, channels = made.shape
    length = across * channels
    flat = products.reshape(36, products.shape[1] * channels)
    columns, values = np.empty((6, 4 * length), np.float32), np.empty((4, 4 * length), np.float32)
    for down in range(products.shape[1] // across):
        for i in range(6):
            m, s = flat[6 * i : 6 * i + 6, down * length : (down + 1) * length], columns[i].reshape(4, length)
            for n in range(length):
                s[0, n], s[1, n], s[2, n], s[3, n] = _restored(m[0, n], m[1, n], m[2, n], m[3, n], m[4, n], m[5, n])
        m = columns
        for n in range(4 * length):
            values[0, n], values[1, n], values[2, n], values[3, n] = _restored(
                m[0, n], m[1, n], m[2, n], m[3, n], m[4, n], m[5, n]
            )
        v = values.reshape(4, 4, across, channels)
        for y in range(0, 4, step):
            row = (4 * (first + down) + y) // step + 1
            if row >= height - 1:
                break
            for x in range(across):
                for z in range(0, 4, step):
                    column = (4 * x + z) // step + 1
                    if column >= width - 1:
                        break
                    for k in range(channels):
                        best = v[y, z, x, k]
                        if step == 2:
                            best = max(max(best, v[y, z + 1, x, k]), max(v[y + 1, z, x, k], v[y + 1, z + 1, x, k]))
                        made[row, column, k] = max(best + bias[k], np.float32(0))
