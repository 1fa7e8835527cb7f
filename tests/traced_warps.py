"""Warps as people write them, for the tests of tracing."""

from __future__ import annotations

import numpy as np

from photalign.warps._evaluators import ByJet

CENTER = np.array([200.0, 60.0])


def homography(p, xy):
    x, y = xy[..., 0], xy[..., 1]
    depth = p[6] * x + p[7] * y + 1
    u = (p[0] * x + p[1] * y + p[2]) / depth
    v = (p[3] * x + p[4] * y + p[5]) / depth
    return np.stack([u, v], axis=-1)


def homography_by_matrix(p, xy):
    matrix = np.concatenate([p, [1.0]]).reshape(3, 3)
    mapped = np.column_stack([xy, np.ones(len(xy))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def homography_by_columns(p, xy):
    x, y = xy.T
    matrix = np.hstack([p, np.ones(1)]).reshape(3, 3)
    u, v, w = matrix @ np.stack([x, y, np.ones_like(x)])
    return np.stack([u / w, v / w]).T


def affine_by_einsum(p, xy):
    return np.einsum("ij,nj->ni", p[:4].reshape(2, 2), xy) + p[4:]


def radial(p, xy):
    offset = (xy - CENTER) / 200
    r2 = np.sum(offset**2, axis=-1, keepdims=True)
    return CENTER + 200 * offset * (1 + p[0] * r2 + p[1] * r2**2 + p[2] * r2**3)


def fisheye(p, xy):
    offset = xy - CENTER
    r = np.linalg.norm(offset, axis=1, keepdims=True) + 1e-9
    focal = 150 * np.exp(p[0])
    return CENTER + p[1:3] + offset * (focal * np.arctan(r / focal) / r)


def cylinder(p, xy):
    focal = 300 * np.exp(p[0])
    x, y = np.moveaxis(xy - CENTER, -1, 0)
    angle = x / focal + p[1]
    mapped = np.stack([focal * np.tan(angle), y / np.cos(angle) + p[2]], axis=-1)
    return mapped + CENTER


def quadratic(p, xy):
    x, y = (xy[:, 0] - 200) / 200, (xy[:, 1] - 60) / 60
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    return xy + terms @ p.reshape(2, 6).T


def rolling_shutter(p, xy):
    time = xy[..., 1:] / 120
    return xy + p[:2] + time * p[2:4]


def rotation(p, xy):
    """Turn a camera, by Rodrigues' formula with a branch at no angle."""
    rays = np.column_stack([(xy - CENTER) / 300, np.ones_like(xy[:, 0])])
    square = p @ p
    is_small = square < 1e-8
    angle = np.sqrt(np.where(is_small, 1.0, square))
    sine = np.where(is_small, 1 - square / 6, np.sin(angle) / angle)
    cosine = np.where(is_small, 0.5 - square / 24, (1 - np.cos(angle)) / angle**2)
    across = np.cross(p, rays)
    turned = rays + sine * across + cosine * np.cross(p, across)
    return CENTER + 300 * turned[:, :2] / turned[:, 2:]


def euclidean(p, xy):
    angle, *shift = p
    c, s = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([c, -s]), np.stack([s, c])])
    return (xy - CENTER) @ turn.T + CENTER + np.stack(shift)


def disk(p, xy):
    """Nothing is to be seen outside of a circle."""
    inside = np.hypot(xy[:, 0] - 200, xy[:, 1] - 60) < 100
    return np.where(inside[:, None], xy * p[0] + p[1:], np.nan)


def walls(p, xy):
    mapped = np.clip(xy * p[0], 0, 300) + np.maximum(p[1], np.minimum(xy, 30))
    return mapped + p[2] * np.abs(xy - 50) + p[3] * np.sign(xy - 100)


def in_place(p, xy):
    mapped = p[0] * xy
    mapped += p[1:3]
    mapped *= 1.5
    return mapped


def steps(p, xy):
    tile = np.floor(xy / 49)
    rest = xy - 49 * tile
    is_odd = np.logical_xor(tile[:, :1] % 2 == 0, tile[:, 1:] % 2 == 0)
    return xy + np.where(is_odd & ~(rest > 24), p[0] * rest, p[1] * rest)


def swapped(p, xy):
    yx = xy[:, [1, 0]][..., ::-1]
    return yx.reshape(-1, 2) * p[[0, 0]] + np.broadcast_to(p[1:3], (2,))


def still(p, xy):
    return xy + 0.5


WARPS = [
    (homography, [1.02, 0.01, 3, -0.01, 0.97, -2, 1e-5, -2e-5]),
    (homography_by_matrix, [1.02, 0.01, 3, -0.01, 0.97, -2, 1e-5, -2e-5]),
    (homography_by_columns, [1, 0, 0, 0, 1, 0, 0, 0]),
    (affine_by_einsum, [1.1, 0.1, -0.1, 0.9, 3, 4]),
    (radial, [0.1, -0.02, 0.01]),
    (fisheye, [0.1, 2, 3]),
    (cylinder, [0, 0.01, 2]),
    (quadratic, np.linspace(-2, 2, 12)),
    (rolling_shutter, [1, 2, 3, 4]),
    (rotation, [0, 0, 0]),
    (rotation, [0.02, -0.03, 0.1]),
    (euclidean, [0.1, 3, 4]),
    (disk, [1.01, 2, 3]),
    (walls, [1.01, 20, 0.01, 0.3]),
    (in_place, [0.7, 1, 2]),
    (steps, [0.01, 0.02]),
    (swapped, [1.01, 2, 3]),
    (still, [0]),
]


def evaluated(warp, params, points):
    """Values and derivatives, (P, 2, N), of what the core calls."""
    params = np.asarray(params, float)
    mapped = np.empty_like(points)
    jacobian = np.empty((params.size, 2, len(points)), np.float32)
    warp.map(params, points, mapped, jacobian)
    return mapped, jacobian


def by_jet(function, params, points):
    params = np.asarray(params, float)
    mapped = np.empty_like(points)
    jacobian = np.empty((params.size, 2, len(points)), np.float32)
    with np.errstate(all="ignore"):
        ByJet(function)(params, points, mapped, jacobian)
    return mapped, jacobian
