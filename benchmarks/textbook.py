"""Lucas and Kanade's method as textbooks have it, in NumPy.

The two classics of Baker and Matthews (IJCV 56(3), 2004): forward-additive and
inverse-compositional Gauss-Newton steps on bilinear samples, gradients by central
differences, no damping, every step taken. Coordinates of the template are centered and
scaled, which changes no step but keeps the equations well conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from photalign import Sampler, image_gradients

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class LucasKanade:
    """A square template to be found in an image by an affine warp or a homography."""

    template: Pixels
    image: Pixels
    kind: str
    """"affine" or "homography"."""

    def forward_additive(self, start: Floats, steps: int) -> Floats | None:
        """Return the matrix after so many steps, or None where they lead nowhere.

        Value and gradient of the image are sampled where the warp takes the template;
        the step is added to the parameters.
        """
        gradients = image_gradients(self.image)
        sampler = Sampler(np.dstack([self.image, gradients]).astype(np.float32))
        matrix = start @ self._frame
        for _ in range(steps):
            matrix = matrix / matrix[2, 2]
            mapped = matrix @ self._points
            at = mapped[:2] / mapped[2]
            sampled = sampler(at.T).T
            jacobian = self._jacobian(sampled[1:] / mapped[2], at)
            step = _solved(jacobian, self.template.ravel() - sampled[0])
            if step is None:
                return None
            matrix = matrix + _as_matrix(step)
        return matrix @ np.linalg.inv(self._frame)

    def inverse_compositional(self, start: Floats, steps: int) -> Floats | None:
        """Return the matrix after so many steps, or None where they lead nowhere.

        The template's gradient does not change; the step is that of the template,
        inverted.
        """
        sampler = Sampler(self.image)
        matrix = start @ self._frame
        gradient = image_gradients(self.template).reshape(-1, 2).T * self._frame[0, 0]
        jacobian = self._jacobian(gradient, self._points[:2])
        for _ in range(steps):
            mapped = matrix @ self._points
            sampled = sampler((mapped[:2] / mapped[2]).T)
            step = _solved(jacobian, sampled - self.template.ravel())
            if step is None:
                return None
            increment = np.eye(3) + _as_matrix(step)
            if abs(np.linalg.det(increment)) < 1e-6:
                return None
            matrix = matrix @ np.linalg.inv(increment)
        return matrix @ np.linalg.inv(self._frame)

    @cached_property
    def _frame(self) -> Floats:
        """From coordinates in [-1, 1] to pixels of the template."""
        half = (len(self.template) - 1) / 2
        return np.array([[half, 0, half], [0, half, half], [0, 0, 1]])

    @cached_property
    def _points(self) -> Floats:
        """All pixels in these coordinates, homogeneous, shape (3, N)."""
        line = np.linspace(-1, 1, len(self.template))
        x, y = np.meshgrid(line, line)
        return np.stack([x.ravel(), y.ravel(), np.ones(x.size)])

    def _jacobian(self, gradient: Floats, at: Floats) -> Pixels:
        """Rows in the order of the matrix's entries, for points that are `at` now."""
        rows = [gradient[0] * self._points, gradient[1] * self._points]
        if self.kind == "homography":
            along = -(gradient * at).sum(axis=0)
            rows.append(along * self._points[:2])
        return np.vstack(rows).astype(np.float32)


def _solved(jacobian: Pixels, residual: Pixels) -> Floats | None:
    """Solve the normal equations over the pixels that the image shows."""
    valid = np.isfinite(residual)
    if not valid.all():
        jacobian, residual = jacobian[:, valid], residual[valid]
    if residual.size < jacobian.shape[0]:
        return None
    hessian = (jacobian @ jacobian.T).astype(np.float64)
    try:
        return np.linalg.solve(hessian, (jacobian @ residual).astype(np.float64))
    except np.linalg.LinAlgError:
        return None


def _as_matrix(step: Floats) -> Floats:
    """Arrange a step like the matrix that it changes."""
    return np.append(step, np.zeros(9 - len(step))).reshape(3, 3)
