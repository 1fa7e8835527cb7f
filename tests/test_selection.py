"""Which pixels the last steps take: bands first, or the blocks that tell most."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS, Translation
from scenes import views, waves

SHAPE = (200, 230)


@pytest.fixture
def pair(rng):
    """Return two noisy views and their warp."""
    truth = random_warp("affine", SHAPE, 3.0, rng)
    return *views(waves(rng), truth, SHAPE, noise=2, rng=rng), truth


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("loss", ["squared", "robust"])
@pytest.mark.parametrize("model", ["none", "gain_bias", "normalized"])
def test_bands_lead_where_all_pixels_lead(kind, loss, model, rng):
    """With one level there are no bands, only the damped loop."""
    truth = random_warp(kind, SHAPE, 2.0, rng)
    images = views(waves(rng), truth, SHAPE, noise=2, rng=rng)
    options = {"loss": loss, "brightness": model}
    by_bands = pa.align(*images, kind, **options)
    # Not from the truth, which may be a little better than either.
    nearby = Translation.from_params([0.6, -0.5]).matrix @ truth.matrix
    damped = pa.align(
        *images, kind, init=nearby, pyramid=pa.Pyramid(levels=1), **options
    )
    assert by_bands.ok
    assert damped.ok
    assert min(step.selected for step in by_bands.trace) < 0.5
    assert all(step.selected == 1 for step in damped.trace)
    limit = 2e-3 + 0.05 * damped.corner_std.max()
    assert corner_error(by_bands.warp, damped.warp, SHAPE) < limit


def test_the_last_step_takes_all_pixels(pair):
    found = pa.align(*pair[:2])
    finest = [step for step in found.trace if step.level == 0]
    assert 0.1 < finest[0].selected < 0.5
    assert finest[-1].selected == 1


@pytest.mark.parametrize("side", ["reference_mask", "moving_mask"])
def test_bands_that_see_nothing_do_not_matter(side, pair):
    """Where the first steps look all pixels are masked."""
    reference, moving, truth = pair
    rows = np.arange(SHAPE[0])
    in_band = (rows % 64 > 16) & (rows % 64 < 48)
    mask = np.ones(SHAPE, dtype=bool)
    mask[in_band] = False
    found = pa.align(reference, moving, **{side: mask})
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.1


def test_all_pixels_are_no_selection(pair):
    whole = pa.align(*pair[:2])
    for pixels in (1, 1.0, 10**9, np.int64(SHAPE[0] * SHAPE[1])):
        found = pa.align(*pair[:2], pixels=pixels)
        np.testing.assert_array_equal(found.warp.matrix, whole.warp.matrix)
        np.testing.assert_array_equal(found.covariance, whole.covariance)


@pytest.mark.parametrize("pixels", [0.5, 0.1, 5000])
def test_few_pixels_cost_precision_and_say_so(pixels, pair):
    reference, moving, truth = pair
    whole = pa.align(reference, moving)
    found = pa.align(reference, moving, pixels=pixels)
    assert found.ok
    share = pixels if pixels < 1 else pixels / reference.size
    assert found.trace[-1].selected == pytest.approx(share, rel=0.1)
    assert found.corner_std.max() > 1.1 * whole.corner_std.max()
    assert corner_error(found.warp, truth, SHAPE) < 4 * found.corner_std.max()


@pytest.mark.parametrize("pixels", [None, 0.2])
def test_covariance_is_that_of_the_pixels_used(pixels, rng):
    shape, trials = (96, 120), 60
    truth = random_warp("affine", shape, 0.7, rng)
    clean = views(waves(rng, shortest=12), truth, shape, dtype="f8")
    lengths = []
    for _ in range(trials):
        images = (image + rng.normal(0, 3, shape) for image in clean)
        found = pa.align(*images, init=truth, pixels=pixels)
        error = found.warp.params - truth.params
        lengths.append(error @ np.linalg.solve(found.covariance, error))
    assert 0.7 < np.mean(lengths) / truth.n_params < 1.4


def test_blocks_are_where_the_texture_is(rng):
    """A tenth of the pixels hold nearly all that there is, and little is lost."""
    truth = random_warp("translation", SHAPE, 1.0, rng)
    all_over = waves(rng)

    def scene(points):
        distance = (points - [112, 96]) / [22, 10]
        window = np.exp(-(distance**2).sum(axis=-1))
        return 120 + window * (all_over(points) - 120)

    images = views(scene, truth, SHAPE, noise=0.5, rng=rng, dtype="f8")
    options = {"init": truth, "pyramid": pa.Pyramid(levels=1)}
    whole = pa.align(*images, "translation", **options)
    found = pa.align(*images, "translation", pixels=0.1, **options)
    assert found.corner_std.max() < 1.25 * whole.corner_std.max()


def test_selection_is_the_same_for_any_number_of_threads(pair):
    one, two = (pa.align(*pair[:2], pixels=0.3, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.warp.matrix, two.warp.matrix)
    np.testing.assert_array_equal(one.covariance, two.covariance)


def test_masked_blocks_are_not_chosen(pair):
    reference, moving, truth = pair
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 60:] = True
    found = pa.align(reference, moving, reference_mask=mask, pixels=0.2)
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 6 * found.corner_std.max()


@pytest.mark.parametrize("pixels", [0, -1, 1.5, 0.0, np.nan, np.inf, 2e4, True])
def test_counts_and_shares_out_of_range_are_refused(pixels, pair):
    with pytest.raises(ValueError, match=r"pixels: expected a share in \(0, 1\]"):
        pa.align(*pair[:2], pixels=pixels)


def test_what_is_no_number_is_refused(pair):
    with pytest.raises((TypeError, ValueError), match="pixels: expected"):
        pa.align(*pair[:2], pixels="many")


def test_blocks_that_leave_the_moving_image_are_not_chosen(rng):
    """Else a rotation would find its pixels in the corners, where there are none."""
    turn = pa.Euclidean.from_params([0.6, 60.0, -50.0])
    shape = (220, 220)
    images = views(waves(rng), turn, shape, noise=2, rng=rng)
    options = {"init": turn, "pixels": 0.1}
    found = pa.align(*images, "homography", **options)
    assert found.ok
    assert found.overlap > 0.7
    assert corner_error(found.warp, turn, shape) < 6 * found.corner_std.max()


def test_report_says_that_not_all_pixels_were_used(pair, tmp_path):
    page = tmp_path / "report.html"
    pa.align(*pair[:2], pixels=0.2).report(page)
    assert "the most informative" in page.read_text("utf-8")
    pa.align(*pair[:2]).report(page)
    assert "the most informative" not in page.read_text("utf-8")
