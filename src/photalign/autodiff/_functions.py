"""NumPy's functions of jets: which rule each follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from photalign.autodiff import _choosing, _joining, _linalg, _moving, _products
from photalign.autodiff._operands import name_of, no_rule, refuse_output, value_of

Rule = Callable[..., Any]


def call(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Answer a call of a function of NumPy with jets among its arguments.

    Raises
    ------
    TypeError
        If there is no rule for it, or for an argument.
    """
    rule = RULES.get(function)
    if rule is None:
        raise no_rule(name_of(function))
    if options and options.get("out") is not None:
        raise refuse_output(name_of(function))
    try:
        return rule(*args, **options)
    except TypeError:
        _expect_arguments(function, rule, args, options)
        raise


def _expect_arguments(
    function: Any, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Check that a rule knows the arguments of the function."""
    known = signature(rule)
    try:
        known.bind(*args, **options)
    except TypeError as error:
        raise TypeError(
            f"{name_of(function)}: expected no other arguments with a Jet than "
            f"{', '.join(known.parameters)}; {error}"
        ) from None


def _of_values(function: Rule) -> Rule:
    """Return the rule of a function that returns no real numbers, or shapes."""

    def rule(*args: Any, **options: Any) -> Any:
        values = {key: value_of(given) for key, given in options.items()}
        return function(*map(value_of, args), **values)

    return rule


def _named(*names: str) -> list[Any]:
    """Return the functions of these names that this version of NumPy has."""
    found = []
    for name in names:
        module, _, last = name.rpartition(".")
        function = getattr(getattr(np, module) if module else np, last, None)
        if function is not None:
            found.append(function)
    return found


_OF_VALUES = _named(
    *("shape", "ndim", "size", "result_type", "iscomplexobj", "isrealobj"),
    *("any", "all", "isclose", "allclose", "array_equal", "array_equiv"),
    *("argmax", "argmin", "argsort", "argwhere", "nonzero", "flatnonzero"),
    *("count_nonzero", "isposinf", "isneginf"),
)

RULES: dict[Any, Rule] = {
    **{function: _of_values(function) for function in _OF_VALUES},
    **{f: partial(_moving.moved, f, k) for f, k in _moving.MOVES.items()},
    **{f: partial(_moving.linear, f, k) for f, k in _moving.LINEAR.items()},
    **{f: partial(_moving.split, f) for f in _moving.SPLITS},
    **{f: partial(_moving.at_least, f) for f in _moving.AT_LEAST},
    **{f: partial(_joining.joined, f) for f in _joining.JOINS},
    **_joining.RULES,
    **_choosing.RULES,
    **{f: partial(_products.bilinear, f) for f in _products.BILINEAR},
    **_products.RULES,
    **_linalg.RULES,
}
"""What to call in place of a function."""
