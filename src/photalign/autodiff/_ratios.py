"""The derivatives of ratios."""

from __future__ import annotations

from typing import Any

import numpy as np

from photalign.autodiff._partials import ONE, Number, Partials, scaled


@np.errstate(all="ignore")
def inverse_of(number: Number) -> Number:
    return 1.0 / np.asarray(number)[()]


@np.errstate(all="ignore")
def ratio_partials(above: Partials, ratio: Number, below: Any) -> Partials:
    """Return the partials of a ratio: da / b - (a / b) (db / b).

    What stems from the denominator alone is kept with it: coordinates of one point
    often have the same.
    """
    if below._memo is None:
        inverse = 1.0 / below._value
        relative = scaled(below._partials, inverse)
        products = {id(v): (v, relative[k]) for k, v in below._partials.items()}
        below._memo = inverse, relative, products
    inverse, relative, products = below._memo
    partials = {}
    for k, v in above.items():
        if v is ONE:
            partials[k] = inverse
            continue
        # The entry holds the array, so that no other can have its id.
        found = products.get(id(v))
        if found is None:
            found = products[id(v)] = v, v * inverse
        partials[k] = found[1]
    if relative:
        minus = -ratio
        for k, v in relative.items():
            change = minus * v
            partials[k] = partials[k] + change if k in partials else change
    return partials
