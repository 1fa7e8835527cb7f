"""Local normalization and features once more, straight from their formulas."""

from __future__ import annotations

import numpy as np


def gaussian_taps(sigma, reach=3.0):
    radius = int(np.ceil(reach * sigma))
    taps = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    return taps / taps.sum()


def smooth(image, sigma, outside=np.nan, reach=3.0):
    """Convolve with a Gaussian; what lies outside has the given value."""
    taps = gaussian_taps(sigma, reach)
    radius = len(taps) // 2
    padded = np.pad(image, radius, constant_values=outside)
    rows = sum(
        w * padded[:, k : k + image.shape[1]] for k, w in enumerate(taps)
    )  # the last rows are still padded
    return sum(w * rows[k : k + image.shape[0]] for k, w in enumerate(taps))


def normalize(image, window, noise):
    """(I - mean) / sqrt(variance + noise^2) under a Gaussian over the valid pixels."""
    valid = np.isfinite(image)
    known = np.where(valid, image, 0.0)
    sums = [smooth(x, window, outside=0.0, reach=4.0) for x in (valid, known, known**2)]
    mean = sums[1] / sums[0]
    variance = np.maximum(sums[2] / sums[0] - mean**2, 0)
    return np.where(valid, (image - mean) / np.sqrt(variance + noise**2), np.nan)


def gradients(image, sigma, frame):
    """Central differences of the smoothed image, in the frame of the reference."""
    padded = np.pad(smooth(image, sigma), 1, constant_values=np.nan)
    gx = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    gy = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    a = np.asarray(frame)
    return a[0, 0] * gx + a[1, 0] * gy, a[0, 1] * gx + a[1, 1] * gy


def gradient_noise(sigma, frame):
    """Variance of both components together where that of a pixel is 1."""
    impulse = np.zeros((101, 101))
    impulse[50, 50] = 1
    pair = gradients(np.pad(impulse, 1), sigma, frame)
    return sum(np.nansum(g**2) for g in pair)


def orientation(channels, sigma, frame, squares):
    """(cos 2t, sin 2t) |g|^2 / (|g|^2 + e^2), e^2 given."""
    pairs = [gradients(channel, sigma, frame) for channel in channels]
    cosine = sum(gx**2 - gy**2 for gx, gy in pairs)
    sine = sum(2 * gx * gy for gx, gy in pairs)
    total = sum(gx**2 + gy**2 for gx, gy in pairs) + squares
    return np.stack([cosine / total, sine / total], axis=-1)


def descriptor_fields(image, sigma, frame, squares):
    """Positive and negative parts of g / sqrt(|g|^2 + e^2), e^2 given."""
    gx, gy = gradients(image, sigma, frame)
    size = np.sqrt(gx**2 + gy**2 + squares)
    parts = [np.maximum(s * g / size, 0) for g in (gx, gy) for s in (1, -1)]
    return np.stack(parts, axis=-1)


def census(image, sigma, frame, squares):
    """d / sqrt(d^2 + e^2) of the differences to four neighbors, e^2 given."""
    soft = smooth(image, sigma)
    rows, columns = np.indices(image.shape, dtype=float)
    planes = []
    for neighbor in ((2, 0), (0, 2), (2, 2), (2, -2)):
        x, y = np.asarray(frame) @ neighbor
        d = bilinear(soft, columns + x, rows + y) - soft
        planes.append(d / np.sqrt(d**2 + squares))
    return np.stack(planes, axis=-1)


def bilinear(image, x, y):
    """Values at points; NaN where a pixel with a weight is NaN or outside."""
    padded = np.pad(image, 8, constant_values=np.nan)
    left, top = np.floor(x + 1e-9).astype(int), np.floor(y + 1e-9).astype(int)
    u, v = x - left, y - top
    value = np.zeros(image.shape)
    for dy, wy in ((0, 1 - v), (1, v)):
        for dx, wx in ((0, 1 - u), (1, u)):
            weight = wx * wy
            pixel = padded[
                np.clip(top + dy + 8, 0, padded.shape[0] - 1),
                np.clip(left + dx + 8, 0, padded.shape[1] - 1),
            ]
            value += np.where(weight < 1e-6, 0.0, weight * pixel)
    return value
