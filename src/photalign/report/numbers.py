"""Numbers as a reader wants them: as many digits as are known, and no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "unknown"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A value and its standard deviation, written with the same decimals.

    Attributes
    ----------
    value, std : str
        Both divided by ``10**power``; `std` with its sign, ``±``, or the word unknown.
    power : int
        Zero unless the number is too small or too large to be written out.
    """

    value: str
    std: str
    power: int = 0


def measured(value: float, std: float, power: int | None = None) -> Measured:
    """Write a value to the second significant digit of its standard deviation.

    Parameters
    ----------
    value, std : float
        In the same unit; a `std` that is not a number is written as unknown, and
        the value then to six significant digits.
    power : int or None
        Power of ten to divide both by; chosen by their size if None.

    Returns
    -------
    Measured

    Examples
    --------
    >>> measured(12.345678, 0.0123)
    Measured(value='12.346', std='± 0.012', power=0)
    >>> measured(1.23456e-5, 7.8e-8)
    Measured(value='1.2346', std='± 0.0078', power=-5)
    >>> measured(3.0, float("nan"))
    Measured(value='3', std='unknown', power=0)
    """
    if power is None:
        power = _power(value, std)
    value, std = value / 10.0**power, std / 10.0**power
    if not (math.isfinite(value) and math.isfinite(std) and std > 0):
        spread = f"± {significant(std)}" if math.isfinite(std) else UNKNOWN
        return Measured(value=significant(value, 6), std=spread, power=power)
    # The decimals follow from the rounded std: 0.0996 is 0.10, not 0.100.
    rounded = float(f"{std:.1e}")
    decimals = _decimals(rounded)
    return Measured(
        value=fixed(value, decimals), std=f"± {fixed(rounded, decimals)}", power=power
    )


def alike(values: Sequence[float]) -> list[str]:
    """Write numbers with the decimals that give the largest two significant digits.

    Examples
    --------
    >>> alike([0.0213, 0.0049])
    ['0.021', '0.005']
    """
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    decimals = _decimals(largest) if largest > 0 else 0
    return [fixed(v, decimals) for v in values]


def fixed(value: float, decimals: int) -> str:
    """Write a number with so many decimals, a true minus sign and no minus zero.

    Examples
    --------
    >>> fixed(-1.25, 1), fixed(-0.001, 2), fixed(float("nan"), 2)
    ('−1.2', '0.00', 'unknown')
    """
    if not math.isfinite(value):
        return UNKNOWN
    return f"{value:z.{decimals}f}".replace("-", "−")


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, without trailing zeros.

    Examples
    --------
    >>> significant(1234567.0), significant(0.0123456), significant(-2.0)
    ('1.23 × 10⁶', '0.0123', '−2')
    """
    if not math.isfinite(value):
        return UNKNOWN
    mantissa, _, exponent = f"{value:z.{digits}g}".partition("e")
    mantissa = mantissa.replace("-", "−")
    return f"{mantissa} × {ten_to(int(exponent))}" if exponent else mantissa


def ten_to(power: int) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> ten_to(-5)
    '10⁻⁵'
    """
    return "10" + str(power).translate(_SUPERSCRIPTS)


def percent(share: float, decimals: int = 1) -> str:
    """Write a share of one as a percentage.

    Examples
    --------
    >>> percent(0.8731)
    '87.3 %'
    """
    if not math.isfinite(share):
        return UNKNOWN
    return f"{fixed(100 * share, decimals)} %"


def duration(seconds: float) -> str:
    """Write a time span in the unit that suits it.

    Examples
    --------
    >>> duration(0.01234), duration(3.21), duration(125.0)
    ('12.3 ms', '3.21 s', '2 min 5 s')
    """
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0.9995:
        return f"{significant(1000 * seconds)} ms"
    if seconds < 59.95:
        return f"{significant(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _decimals(size: float) -> int:
    return max(0, 1 - math.floor(math.log10(size)))


def _power(value: float, std: float) -> int:
    size = max((abs(v) for v in (value, std) if math.isfinite(v)), default=0.0)
    if size == 0 or 1e-3 <= size < 1e7:
        return 0
    return math.floor(math.log10(size))
