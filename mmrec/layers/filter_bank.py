"""The fixed filters that ``ConvEncoder`` starts from: colours, brightness, edges and bars."""

import numpy as np


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
