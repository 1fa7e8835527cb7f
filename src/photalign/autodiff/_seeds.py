"""Which parameters the partials of a jet belong to."""

from __future__ import annotations

from functools import lru_cache


class Seed:
    """A vector of parameters that jets are derived by.

    Partials are numbered, and numbers of one vector mean nothing in another. So jets
    carry the vector that they stem from.

    Parameters
    ----------
    n_params : int
        How many parameters there are.
    is_open : bool
        Whether jets may be combined with those of another vector of as many
        parameters: they were made of partials that somebody brought along.
    """

    __slots__ = ("is_open", "n_params")

    def __init__(self, n_params: int, *, is_open: bool = False) -> None:
        self.n_params = n_params
        self.is_open = is_open


@lru_cache(maxsize=64)
def open_seed(n_params: int) -> Seed:
    """Return the seed of jets that users make of partials."""
    return Seed(n_params, is_open=True)


def common_seed(one: Seed, other: Seed) -> Seed:
    """Return the seed of a result of jets with these.

    Raises
    ------
    ValueError
        If they stem from different parameters.
    """
    if one is other:
        return one
    if one.n_params != other.n_params:
        raise ValueError(
            f"jets: expected all to have the same parameters, got some with "
            f"{one.n_params} and some with {other.n_params}; seed one vector of all "
            f"parameters and slice it"
        )
    if other.is_open:
        return one
    if one.is_open:
        return other
    raise ValueError(
        "jets: expected all to stem from one call of Jet.seed, got some of two, whose "
        "partials mean different parameters; seed one vector of all parameters and "
        "slice it. Derivatives of derivatives are not available: jets nest one level"
    )
