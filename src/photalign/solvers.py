"""Solvers: how far a step goes, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass

from photalign._checks import positive_integer, positive_number

__all__ = ["GaussNewton", "LevenbergMarquardt", "Solver"]


@dataclass(frozen=True, kw_only=True)
class Solver:
    """What both solvers share; use one of the subclasses.

    Parameters
    ----------
    max_steps : int
        Steps per pyramid level: the loop stops when ``steps >= max_steps``.
    step_tol : float
        The loop has converged when ``motion * q / (1 - q) < step_tol``, the motion
        still to come, where motion is the largest distance that a step moves a
        corner of the reference, in pixels at full resolution, and q is its ratio to
        the motion of the step before; while q > 1/2, when ``motion < step_tol``.

    Raises
    ------
    ValueError
        If `max_steps` is not a positive integer or `step_tol` not a positive
        finite number.
    """

    max_steps: int = 50
    step_tol: float = 1e-3

    def __post_init__(self) -> None:
        positive_integer(self.max_steps, "max_steps")
        positive_number(self.step_tol, "step_tol")


@dataclass(frozen=True, kw_only=True)
class GaussNewton(Solver):
    """Full steps, halved as long as they raise the cost.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.GaussNewton(max_steps=20)
    GaussNewton(max_steps=20, step_tol=0.001)
    """


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Solver):
    """Steps damped by a share of the Hessian's diagonal (Marquardt, 1963).

    Parameters
    ----------
    max_steps, step_tol
        As for `Solver`.
    damping : float
        The first damping, relative to the diagonal; a step that succeeds
        divides it by 10, one that fails multiplies it by 10.

    Raises
    ------
    ValueError
        If a parameter is not positive and finite.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.LevenbergMarquardt(step_tol=1e-4).damping
    0.0001
    """

    damping: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_number(self.damping, "damping")
