"""What a pass is counted to do, beside other ways to count the same."""

from __future__ import annotations

import pytest
from benchmarks.limits import floors_of
from benchmarks.operations import KERNELS, Count, count_of

METHODS = ("forward", "inverse", "esm")


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_tap_is_looked_up_once(kernel: str) -> None:
    taps = KERNELS[kernel].taps
    assert {count_of(kernel, method, 1).lookups for method in METHODS} == {taps**2}


@pytest.mark.parametrize("kernel", KERNELS)
def test_both_gradients_cost_more_than_one(kernel: str) -> None:
    forward, inverse, esm = (count_of(kernel, m, 1).operations for m in METHODS)
    assert esm > max(forward, inverse)


@pytest.mark.parametrize("method", METHODS)
def test_smoother_kernels_cost_more(method: str) -> None:
    counts = [count_of(kernel, method, 1).operations for kernel in KERNELS]
    assert counts == sorted(counts)


def test_images_are_read_once_in_their_own_type() -> None:
    assert [count_of("linear", "forward", size).images for size in (1, 2, 4)] == [
        *(2, 4, 8)
    ]


def test_linear_gradient_costs_what_its_formula_has() -> None:
    # f = (1 - s) (p + t (q - p)) + s (p' + t (q' - p')) in differences takes three of
    # them and three products; the gradient one of each more.
    forward, inverse = (count_of("linear", method, 1) for method in METHODS[:2])
    assert forward.multiplications == inverse.multiplications + 1
    assert forward.others == inverse.others + 1 - 2


def test_arithmetic_takes_as_long_as_its_slowest_unit() -> None:
    count = Count(multiplications=8, others=4, lookups=4, cached=32, images=2)
    rates = {"multiply-add": 4.0, "mixed": 4.0, "lookup": 1.0}
    rates |= {"L1": 16.0, "L2": 8.0, "memory": 1.0}
    assert list(floors_of(count, rates).values()) == [4.0, 2.0, 0.25, 2.0]
    arithmetic, *_ = floors_of(count, rates | {"multiply-add": 1.0}).values()
    assert arithmetic == 8.0
