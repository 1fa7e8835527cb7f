"""What NumPy's functions are called with beside jets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from photalign._types import Array
from photalign.autodiff._partials import Partials
from photalign.autodiff._seeds import Seed, common_seed
from photalign.autodiff.jet import Jet


def name_of(function: Any) -> str:
    """Return the name of a function as users write it."""
    name: str = function.__name__
    module = getattr(function, "__module__", None)
    if module is None and getattr(np, name, None) is function:
        module = "numpy"
    return f"{module}.{name}" if module else name


def no_rule(name: str) -> TypeError:
    """Make the error about a function of jets that is not available."""
    return TypeError(
        f"{name} has no rule for Jet; write it in terms of functions that have one, or "
        f"give its derivatives to jet.with_value, or apply it to jet.value if no "
        f"derivatives are wanted"
    )


def refuse_output(name: str) -> TypeError:
    """Make the error about an array that results are to be written into."""
    return TypeError(
        f"{name}: expected no out=, got an array, which holds no derivatives; use what "
        f"the function returns (a = a + jet in place of a += jet)"
    )


def read(operands: Iterable[Any], name: str) -> list[Any]:
    """Read the operands of a function: jets as they are, others as arrays.

    Slopes are computed of constants too, so these must be as exact as jets are. As in
    NumPy, a Python number takes the type of the others, and small integers fit into
    float32.
    """
    given = list(operands)
    if all(isinstance(x, Jet) for x in given):
        return given
    kinds = [x.dtype for x in given if isinstance(x, Jet | np.ndarray | np.generic)]
    kind = np.result_type(np.float32, *(k for k in kinds if k.kind in "biuf"))
    return [x if isinstance(x, Jet) else _constant(x, name, kind) for x in given]


def _constant(operand: Any, name: str, kind: np.dtype[Any]) -> Array:
    """Read an operand that is no jet, in at least this type of real numbers."""
    if type(operand) in (float, int, bool):
        return np.asarray(operand, kind)
    if isinstance(operand, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask beside a Jet")
    if isinstance(operand, np.matrix):  # whose operators mean something else
        raise TypeError(f"{name}: expected an array beside a Jet, got a matrix; use .A")
    if isinstance(operand, list | tuple) and any(isinstance(v, Jet) for v in operand):
        raise TypeError(
            f"{name}: expected arrays or jets, got a list of jets; use np.stack"
        )
    array = np.asarray(operand)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected real numbers beside a Jet, got dtype {array.dtype}"
        )
    return array.astype(np.result_type(array.dtype, kind), copy=False)


def value_of(operand: Any) -> Any:
    """Return the value of a jet, anything else as it is."""
    return operand._value if isinstance(operand, Jet) else operand


def partials_of(operand: Any) -> Partials:
    """Return the partials of a jet, none of anything else."""
    return operand._partials if isinstance(operand, Jet) else {}


def shape_of(operand: Any) -> tuple[int, ...]:
    """Return the shape of a jet or an array."""
    return np.shape(value_of(operand))


def seed_of(operands: Any) -> Seed:
    """Return what all jets among operands stem from."""
    seed: Seed | None = None
    for operand in operands:
        if isinstance(operand, Jet):
            theirs = operand._seed
            seed = theirs if seed is None else common_seed(seed, theirs)
    if seed is None:
        raise TypeError("expected a Jet among the arguments, got none")
    return seed
