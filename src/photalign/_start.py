"""Where an alignment starts: what the user said about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from photalign._pair import Pair
from photalign._types import ArrayLike
from photalign.initialization import (
    SEARCHES,
    Searches,
    align_by,
    align_from_anywhere,
)
from photalign.results import Alignment
from photalign.warps import Affine, FunctionWarp, MatrixWarp, Warp, as_warp
from photalign.warps.fitting import corners_of, fit_points

__all__ = ["STARTS", "Start"]

STARTS = ("auto", "identity", *SEARCHES)

# A function that leaves these where they are is taken for the identity.
_SOME_POINTS = np.array([[0.0, 0.0], [31.0, 7.0], [5.0, 43.0], [97.0, 89.0]])


class Start(NamedTuple):
    """A warp, whose class is the model, and how the start is found from it."""

    warp: MatrixWarp | FunctionWarp
    source: str
    """One of `STARTS`, or "given"."""

    @classmethod
    def read(
        cls,
        warp: str | type[Warp] | Warp,
        init: str | ArrayLike | Warp | None,
    ) -> Start:
        """Read the arguments of those names.

        Raises
        ------
        ValueError, TypeError
            If they are nothing that `align` describes.
        """
        model = _as_model(warp)
        if init is None or (isinstance(init, str) and init == "auto"):
            return cls(model, "auto" if _is_identity(warp, model) else "given")
        if isinstance(init, str):
            if init not in STARTS:
                known = ", ".join(f'"{name}"' for name in STARTS)
                raise ValueError(
                    f"init: expected {known}, a warp or a matrix, got {init!r:.60}"
                )
            if isinstance(model, MatrixWarp):
                model = model.identity()
            return cls(model, init)
        return cls(_given(model, init), "given")

    def align(self, pair: Pair, searches: Searches) -> Alignment:
        """Align a pair from here, or from where its searches lead."""
        if self.source == "auto":
            return align_from_anywhere(pair, self.warp, searches)
        if self.source in SEARCHES:
            return align_by(pair, self.warp, self.source, searches)
        return pair.solve(self.warp, self.source)

    def of_model(self, model: type[MatrixWarp], shape: tuple[int, ...]) -> Start:
        """Return the start of a model that is closest to this one at the corners."""
        if isinstance(self.warp, model):
            return self
        corners = corners_of(shape)
        try:
            warp = fit_points(model, corners, self.warp(corners)).warp
        except ValueError:
            warp = model.identity()  # of a mirror image the model has none
        return Start(warp, self.source)


def _given(
    model: MatrixWarp | FunctionWarp, init: ArrayLike | Warp
) -> MatrixWarp | FunctionWarp:
    if isinstance(model, FunctionWarp):
        return _as_function_start(model, init)
    if isinstance(init, FunctionWarp):
        raise TypeError(f"init: expected a matrix or a warp with one, got {init!r}")
    try:
        # Two rows are those of an affine map, whatever the model is.
        read = Affine if _has_two_rows(init) else type(model)
        return type(model)(as_warp(init, read).matrix)
    except (TypeError, ValueError) as error:
        # The classes speak of their own argument.
        reason = str(error).partition(": ")[2]
        raise type(error)(f"init: {reason}") from None


def _has_two_rows(init: ArrayLike | Warp) -> bool:
    try:
        return not isinstance(init, Warp) and np.shape(init) == (2, 3)
    except ValueError:  # rows of different lengths
        return False


def _as_model(warp: str | type[Warp] | Warp) -> MatrixWarp | FunctionWarp:
    is_class = isinstance(warp, type) and issubclass(warp, Warp)
    if not (isinstance(warp, str) or is_class or isinstance(warp, Warp)):
        hint = "; photalign.warp(function, p0) makes one" if callable(warp) else ""
        raise TypeError(
            f"warp: expected a name, a class or a warp, got {warp!r:.60}{hint}"
        )
    model = as_warp(warp)
    assert isinstance(model, MatrixWarp | FunctionWarp)
    return model


def _is_identity(
    warp: str | type[Warp] | Warp, model: MatrixWarp | FunctionWarp
) -> bool:
    """Tell whether nobody has said more than the model, or a function does nothing."""
    if isinstance(model, FunctionWarp):
        mapped = model(_SOME_POINTS)
        return bool(np.allclose(mapped, _SOME_POINTS, rtol=0, atol=1e-9))
    return not isinstance(warp, Warp)


def _as_function_start(model: FunctionWarp, init: ArrayLike | Warp) -> FunctionWarp:
    if isinstance(init, Warp) and not isinstance(init, FunctionWarp):
        raise TypeError(
            f"init: expected the {model.n_params} parameters of {model.name}, "
            f"got {init!r}"
        )
    try:
        return model.with_params(init.params if isinstance(init, Warp) else init)
    except (TypeError, ValueError) as error:
        raise type(error)(f"init: {str(error).partition(': ')[2]}") from None
