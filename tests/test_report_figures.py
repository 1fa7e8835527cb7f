"""Figures of the report: pure functions to strings, read back and measured."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from photalign.report.figures.colors import css_gradient, diverging
from photalign.report.figures.cost_plot import cost_plot
from photalign.report.figures.frame import Frame
from photalign.report.figures.grid import grid_spacing, warp_grid
from photalign.report.figures.histogram import color_limit, histogram
from photalign.report.figures.pictures import (
    difference_uri,
    photo_uri,
    shrink,
    shrink_factor,
    tone_window,
)
from photalign.report.figures.ticks import linear_ticks, log_ticks, round_up
from photalign.report.numbers import alike, measured, significant
from photalign.warps import Homography, Translation
from report_example import TRUTH, steps

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def parts(svg: str, tag: str, kind: str) -> list[ElementTree.Element]:
    """Return the elements of a drawing that have a tag and a CSS class."""
    found = ElementTree.fromstring(svg).iter(tag)
    return [e for e in found if kind in e.get("class", "").split()]


def picture(uri: str) -> Image.Image:
    """Read a data address back."""
    kind, _, data = uri.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_gray_and_color_bytes_survive_the_picture_unchanged():
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3)):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        shown = np.asarray(picture(photo_uri(image, tone_window(image))))
        np.testing.assert_array_equal(shown, image)


def test_channels_beyond_the_third_are_not_shown_and_two_become_their_mean():
    image = np.arange(40.0).reshape(2, 4, 5)
    five = np.asarray(picture(photo_uri(image, (0, 255))))
    np.testing.assert_array_equal(five, image[..., :3])
    two = np.asarray(picture(photo_uri(image[..., 1:3], (0, 255))))
    np.testing.assert_array_equal(two, np.rint(image[..., 1:3].mean(axis=2)))


def test_invalid_pixels_are_transparent():
    image = np.array([[0.0, np.nan], [np.inf, 255.0]])
    opacity = np.asarray(picture(photo_uri(image, (0, 255))))[..., 1]
    np.testing.assert_array_equal(opacity, [[255, 0], [0, 255]])
    shown = picture(difference_uri(image, 1.0)).convert("RGBA")
    np.testing.assert_array_equal(np.asarray(shown)[..., 3] > 0, np.isfinite(image))


def test_colors_of_a_difference_are_neutral_at_zero_and_end_at_the_limit():
    difference = np.array([[-99.0, -10.0, 0.0, 10.0, 99.0]])
    shown = np.asarray(picture(difference_uri(difference, 10.0)).convert("RGB"))
    low, middle, high = diverging(3)
    np.testing.assert_array_equal(shown[0], [low, low, middle, high, high])
    assert css_gradient().count("#") == 11


def test_color_map_is_lighter_the_nearer_to_zero():
    luminance = diverging(255) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[:128]) >= 0).all()
    assert (np.diff(luminance[127:]) <= 0).all()


def test_shrinking_averages_blocks_and_skips_invalid_pixels():
    image = np.arange(12.0).reshape(3, 4)
    image[0, 0] = np.nan
    np.testing.assert_allclose(shrink(image, 2), [[10 / 3, 4.5], [8.5, 10.5]])
    assert np.isnan(shrink(np.full((2, 2), np.nan), 2)).all()
    assert shrink(np.zeros((5, 9, 3), np.uint8), 4).shape == (2, 3, 3)
    for shape in ((1600, 2), (1601, 2), (9999, 12000)):
        assert max(shape) / shrink_factor(shape) <= 1600


def test_tone_of_a_constant_image_is_not_divided_by_zero():
    image = np.full((4, 4), 1000, np.uint16)
    assert picture(photo_uri(image, tone_window(image))).size == (4, 4)
    assert tone_window(np.full((2, 2), np.nan)) == (0.0, 1.0)


@pytest.mark.parametrize("value", [1e-12, 0.31, 1.0, 2.0, 5.0, 7.0, 1e9])
def test_round_up_is_the_next_round_number(value):
    rounded = round_up(value)
    assert value <= rounded * (1 + 1e-9)
    assert rounded <= 2.5 * value
    assert f"{rounded:e}"[0] in "125"


def test_ticks_lie_within_the_axis():
    for low, high in ((0.0, 7.3), (-3.0, 3.0), (5.0, 5.4)):
        ticks = linear_ticks(low, high, 5)
        assert 2 <= len(ticks) <= 6
        assert low <= ticks[0] < ticks[-1] <= high
    for low, high in ((0.4, 0.9), (1e-6, 1e6)):
        assert all(low <= t <= high for t in log_ticks(low, high))


def test_frame_puts_larger_values_higher():
    frame = Frame(x_range=(0, 10), y_range=(0, 4))
    assert (frame.x(0), frame.x(10)) == ("0%", "100%")
    assert (frame.y(0), frame.y(3), frame.y(4)) == ("100%", "25%", "0%")
    bar = ElementTree.fromstring(frame.bar(0, 5, 3, "b"))
    assert (bar.get("width"), bar.get("height")) == ("50%", "75%")


def test_histogram_shows_shares_of_all_finite_differences():
    after = np.full((10, 10), 0.0)
    after[0] = 1e9  # ten per cent beyond the scale
    before = np.full((10, 10), np.nan)
    drawing = histogram(before, after, 2.0)
    (bar,) = parts(drawing, "rect", "after")
    height = float(bar.get("height", "").rstrip("%"))
    assert height == pytest.approx(100 / 1.08, abs=0.01)
    ticks = [t.text for t in parts(drawing, "text", "x")]
    assert ticks == ["−2", "−1", "0", "+1", "+2"]


def test_histogram_of_nothing_is_an_empty_plot():
    nothing = np.full((3, 3), np.nan)
    limit = color_limit(nothing, nothing)
    assert limit == 1.0
    assert parts(histogram(nothing, nothing, limit), "rect", "after") == []


def test_cost_plot_has_a_band_per_level_and_a_marker_per_step():
    drawing = cost_plot(steps())
    assert [t.text for t in parts(drawing, "text", "level")] == ["3", "2", "1", "0"]
    assert len(parts(drawing, "circle", "step")) == len(steps())
    assert len(parts(drawing, "circle", "rejected")) == 1
    # Lines join accepted steps of one level: 7 - 1 rejected, 4, 3, 3.
    assert len(parts(drawing, "line", "fall")) == 5 + 3 + 2 + 2


def test_cost_plot_goes_down_where_the_cost_does():
    trace = [replace(steps()[0], cost=c) for c in (100.0, 10.0, 1.0)]
    circles = parts(cost_plot(trace), "circle", "step")
    heights = [float(c.get("cy", "").rstrip("%")) for c in circles]
    assert heights == sorted(heights)


@pytest.mark.parametrize("costs", [(0.0,), (5.0, 0.0), (1.0, math.nan), (3.0,)])
def test_cost_plot_takes_any_costs(costs):
    trace = [replace(steps()[0], cost=c) for c in costs]
    circles = parts(cost_plot(trace), "circle", "step")
    assert len(circles) == sum(map(math.isfinite, costs))


def test_cost_plot_without_steps_is_empty():
    assert cost_plot(()) == ""
    assert cost_plot([replace(steps()[0], cost=math.inf)]) == ""


def test_grid_has_its_corners_where_the_warp_puts_them():
    shape = (300, 400)
    drawing = warp_grid(PIXEL, shape, shape, TRUTH, Homography.identity(), TRUTH)
    (outline,) = (
        p for p in parts(drawing, "path", "outline") if "halo" not in p.attrib["class"]
    )
    first = outline.attrib["d"].removeprefix("M").split("L")[0]
    np.testing.assert_allclose(
        [float(v) for v in first.split()], TRUTH([0.0, 0.0]), atol=0.01
    )
    assert len(parts(drawing, "path", "truth")) == 2
    x, y, width, height = map(
        float, ElementTree.fromstring(drawing).get("viewBox", "").split()
    )
    assert max(x, y) < -0.5
    assert x + width > 399.5
    assert y + height > 299.5


def test_grid_without_truth_draws_none():
    drawing = warp_grid(PIXEL, (9, 9), (9, 9), TRUTH, Homography.identity())
    assert parts(drawing, "path", "truth") == []


def test_grid_survives_a_horizon_and_a_warp_far_away():
    horizon = Homography([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]])
    far = Translation.from_params([1e7, 0])
    for warp in (horizon, far):
        drawing = warp_grid(PIXEL, (200, 300), (200, 300), warp, far)
        assert "nan" not in drawing
        box = [
            float(v) for v in ElementTree.fromstring(drawing).get("viewBox", "").split()
        ]
        assert box[2] < 3 * 300


def test_grid_spacing_gives_some_ten_cells():
    for side in (30, 99, 640, 5000):
        assert 4 <= side / grid_spacing((side, 2)) <= 10
    assert grid_spacing((2, 2)) == 1


@pytest.mark.parametrize(
    ("value", "std", "expected"),
    [
        (1.0, 0.0996, ("1.00", "± 0.10", 0)),
        (-1.5, 0.25, ("−1.50", "± 0.25", 0)),
        (0.0, 12.3, ("0", "± 12", 0)),
        (-2e-9, 1e-10, ("−2.00", "± 0.10", -9)),
        (1.0, 0.0, ("1", "± 0", 0)),
        (math.nan, math.nan, ("unknown", "unknown", 0)),
    ],
)
def test_a_value_has_the_decimals_of_its_standard_deviation(value, std, expected):
    shown = measured(value, std)
    assert (shown.value, shown.std, shown.power) == expected


def test_numbers_are_written_for_people():
    assert significant(-0.5) == "−0.5"
    assert significant(-1.5e-7) == "−1.5 × 10⁻⁷"
    assert significant(math.inf) == "unknown"
    assert alike([]) == []
    assert alike([0.0, 120.4]) == ["0", "120"]
