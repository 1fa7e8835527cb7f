"""The report as a page: what it says, what it carries, and how it is written."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

import numpy as np
import pytest

import photalign
from photalign.brightness import GainBias, Normalized, Plain
from photalign.report import write_report
from photalign.report.comparison import Comparison, compare
from photalign.report.page import render
from photalign.results import Rival, Status
from photalign.warps import Affine, Translation
from report_example import TRUTH, a_result, photographs
from unprivileged import unprivileged_folder

UNKNOWN = {
    "covariance": np.full((8, 8), np.nan),
    "corner_std": np.full((4, 2), np.nan),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the report of the example, with the truth beside it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(a_result(), path, truth=TRUTH)
    return path.read_text("utf-8")


def words(page: str) -> str:
    """Return the text of a page, without tags, script and style."""
    page = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def small_result(**changes):
    """Return a result on images of 24 x 32 pixels."""
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (24, 32), dtype=np.uint8)
    return a_result(**({"reference": image, "moving": image} | changes))


def test_page_says_what_happened_with_every_number(page):
    text = words(page)
    for expected in (
        "Converged",
        Status.CONVERGED.value,
        "maps 91.2 % of the reference",
        "±0.016 px",
        "0.998710",
        "3.12 grey levels",
        "17.3 ms",
        "Gain 1.2008",
        "Bias 14.93 grey levels",
        "tukey scale 2.94 grey levels",
        "esm",
        "bspline3",
        "512 × 512 px, uint8",
        "top left",
        "perspective along y −3.0030 ± 0.0036 10⁻⁵ px⁻¹ −3.0000 −0.8 σ",
    ):
        assert expected in text
    assert "Not converged" not in text


def test_an_alignment_reports_itself(tmp_path):
    reference, moving = photographs()
    result = photalign.align(
        reference, moving, "homography", brightness="gain_bias", loss="robust"
    )
    result.report(tmp_path / "report.html", truth=TRUTH)
    text = words((tmp_path / "report.html").read_text("utf-8"))
    assert text.index("Converged") < 200
    differences = compare(result)
    assert np.nanmedian(np.abs(differences.after)) < 4
    assert f"{result.iterations} iterations" in text


def test_page_needs_nothing_from_outside(page):
    assert page.startswith("<!doctype html>\n<html lang=")
    addresses = re.findall(r'(?:src|href|srcset|action)="([^"]*)"', page)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page


def test_only_the_page_s_own_script_may_run(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert f"script-src 'sha256-{digest}'" in policy


def test_text_is_readable_in_both_themes(page):
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)[:2]
    ]
    assert len(themes) == 2
    for theme in themes:
        for ink in ("ink", "muted", "accent", "failed", "ok"):
            for paper in ("page", "raised", "band"):
                assert contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper)


def contrast(a: str, b: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""

    def luminance(color: str) -> float:
        c = np.array(list(bytes.fromhex(color[1:]))) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def test_a_failure_is_the_first_thing_that_is_said(tmp_path):
    result = small_result(status=Status.TOO_LITTLE_OVERLAP, **UNKNOWN)
    write_report(result, tmp_path / "report.html")
    text = words((tmp_path / "report.html").read_text("utf-8"))
    assert text.index("Not converged: too little overlap") < 200
    assert Status.TOO_LITTLE_OVERLAP.value in text
    assert "Do not rely on it" in text
    assert "Corner uncertainty unknown" in text
    assert "nan" not in text.lower().replace("resonan", "")
    assert "Truth" not in text


def test_a_converged_result_may_lack_its_covariance(tmp_path):
    write_report(small_result(**UNKNOWN), tmp_path / "report.html")
    text = words((tmp_path / "report.html").read_text("utf-8"))
    assert "could not be told" in text


def test_truth_of_another_model_is_compared_at_the_corners_only(tmp_path):
    truth = Translation.from_params([1, 2])
    write_report(small_result(), tmp_path / "report.html", truth=truth)
    text = words((tmp_path / "report.html").read_text("utf-8"))
    assert "Corner error" in text
    assert "Estimate 1 σ Unit Truth" not in text


def test_every_string_is_escaped():
    evil = '<img src=x onerror="alert(1)">&'
    result = small_result(method=evil, kernel=evil, loss=evil)
    page = render(result, compare(result))
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;") == 3


def test_large_images_are_shown_smaller_and_the_page_says_so():
    image = np.zeros((60, 3300), np.uint16)
    flat = Comparison(
        reference=image,
        registered=image.astype(np.float32),
        before=np.zeros(image.shape),
        after=np.zeros(image.shape),
    )
    result = small_result(reference=image, moving=image)
    text = words(render(result, flat))
    assert "Shown at 1/3 of the size" in text
    assert "mean of 3 × 3" in text
    assert "3300 × 60 px, uint16" in text
    assert "Black is" in text


def test_differences_count_valid_pixels_only():
    reference = np.full((20, 30), 100.0)
    moving = np.full((20, 30), 103.0)
    moving[1, 5] = np.nan
    mask = np.ones((20, 30), bool)
    mask[:, :4] = False
    moving_mask = np.ones((20, 30))
    moving_mask[18:] = 0
    result = small_result(
        reference=reference,
        moving=moving,
        warp=Translation.from_params([3, 0]),
        initial=Translation.identity(),
        brightness=Plain(),
        reference_mask=mask,
        moving_mask=moving_mask,
    )
    after = compare(result).after
    assert np.isnan(after[:, :4]).all()
    assert np.isnan(after[:, 27:]).all()
    assert np.isnan(after[18:]).all()
    assert np.isnan(after[1, 2])
    np.testing.assert_allclose(after[10:14, 12:20], 3, atol=1e-4)


def test_color_differences_are_the_mean_over_the_channels():
    reference = np.zeros((16, 16, 3), np.uint8)
    moving = reference + np.array([3, 6, 9], np.uint8)
    result = small_result(
        reference=reference,
        moving=moving,
        warp=Affine.identity(),
        initial=Affine.identity(),
        brightness=Plain(),
    )
    comparison = compare(result)
    np.testing.assert_allclose(comparison.after, 6, atol=1e-4)
    assert "mean over the 3 channels" in words(render(result, comparison))


def test_every_brightness_model_is_applied_and_named():
    gray = np.array([[10.0, 40.0], [20.0, 30.0]])
    for model in (GainBias, Normalized):
        result = small_result(
            reference=2 * gray + 5,
            moving=gray,
            warp=Translation.identity(),
            brightness=model(gain=np.array([2.0]), bias=np.array([5.0])),
        )
        comparison = compare(result)
        np.testing.assert_allclose(comparison.registered, 2 * gray + 5, rtol=1e-6)
        np.testing.assert_allclose(comparison.after, 0, atol=1e-4)
        text = words(render(result, comparison))
        assert "Gain 2 " in text
        assert "Bias 5 grey levels" in text
        assert f"Brightness {model.name}" in text


def test_images_without_overlap_make_a_page():
    result = small_result(warp=Translation.from_params([500, 500]), trace=())
    text = words(render(result, compare(result)))
    assert "by at most unknown after" in text
    assert "No step was taken" in text


def test_smallest_images_make_a_page():
    image = np.array([[1, 2], [3, 4]], np.uint8)
    result = small_result(reference=image, moving=image)
    assert "2 × 2 px" in words(render(result, compare(result)))


def test_differences_are_smaller_after_than_before():
    result = a_result()
    comparison = compare(result)
    before, after = (
        np.nanmedian(np.abs(d)) for d in (comparison.before, comparison.after)
    )
    assert after < 4 < 20 < before


def test_an_interrupted_report_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("photalign.report.page.render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(small_result(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    missing = tmp_path / "missing" / "report.html"
    with pytest.raises(OSError, match=re.escape(str(missing))):
        write_report(small_result(), missing)
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        write_report(small_result(), tmp_path)


def test_a_folder_that_takes_no_file_is_named_and_stays_as_it_was():
    with unprivileged_folder() as folder:
        folder.chmod(0o500)
        with pytest.raises(OSError, match=re.escape(str(folder / "report.html"))):
            write_report(small_result(), folder / "report.html")
        assert list(folder.iterdir()) == []


def test_truth_must_be_a_warp(tmp_path):
    with pytest.raises(TypeError, match="truth: expected a Warp or None, got ndarray"):
        write_report(small_result(), tmp_path / "report.html", truth=np.eye(3))
    assert list(tmp_path.iterdir()) == []


def test_page_says_what_to_try_and_what_to_take_care_of():
    lost = small_result(status=Status.TOO_LITTLE_OVERLAP)
    text = unescape(words(render(lost, compare(lost))))
    assert f"What to try. {lost.advice}" in text
    found = small_result(effective_pixels=30.0)
    (warning,) = found.warnings
    text = unescape(words(render(found, compare(found))))
    assert f"Take care. {warning}" in text
    assert "What to try" not in text


def test_page_says_how_the_start_was_found():
    result = small_result(initialization="phase")
    assert "found by correlating all shifts" in words(render(result, compare(result)))


def test_page_names_the_models_that_were_weighed():
    rivals = (
        Rival(
            warp="similarity",
            status=Status.CONVERGED,
            corner_distance=0.0312,
            misfit=2.0,
            criterion=44.4,
            is_chosen=True,
        ),
        Rival(
            warp="affine",
            status=Status.CONVERGED,
            corner_distance=0.0,
            misfit=0.0,
            criterion=63.6,
        ),
        Rival(warp="homography", status=Status.TOO_LITTLE_TEXTURE),
    )
    result = small_result(rivals=rivals)
    text = words(render(result, compare(result)))
    assert "similarity 4 0.0312 2 0 chosen" in text
    assert "affine 6 0 0 19.2" in text
    assert "homography 8 unknown unknown unknown too little texture" in text
    assert "chosen of 3 models" in text


def test_page_without_rivals_has_no_section_on_models():
    result = small_result()
    assert "weighed" not in words(render(result, compare(result)))
