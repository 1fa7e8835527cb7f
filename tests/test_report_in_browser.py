"""The report in a real browser: it swipes, it blinks, and it asks for nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from photalign.report import write_report
from report_browser import Browser, browser
from report_example import TRUTH, a_result

DESK, PHONE = (1280, 900), (360, 740)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Chromium: no `chromium` on PATH"
    ),
    pytest.mark.skipif(os.name != "posix", reason="drives Chromium over POSIX pipes"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Write the report of the example; the pictures taken of it lie beside it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(a_result(), path, truth=TRUTH)
    return path


@pytest.fixture(scope="module")
def chromium():
    """Start one browser for all tests of this file."""
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser(str(CHROMIUM), Path(profile)) as running,
    ):
        yield running


@pytest.fixture
def tab(chromium, path):
    """Open the report at a desk; afterwards it has neither complained nor called."""
    chromium.complaints.clear()
    chromium.requests.clear()
    chromium.look(*DESK)
    chromium.open(path)
    yield chromium
    assert chromium.complaints == []
    assert set(chromium.requests) == {path.as_uri()}


def viewer_box(tab: Browser) -> list[float]:
    """Return left, top, width and height of the viewer in the window."""
    return tab.evaluate(
        "document.getElementById('viewer').scrollIntoView(),"
        "(({x, y, width, height}) => [x, y, width, height])"
        "(document.getElementById('viewer').getBoundingClientRect())"
    )


def shows(tab: Browser, side: str) -> np.ndarray:
    """Return a picture of the viewer, taken while it blinks and shows one side."""
    showing = f"document.getElementById('viewer').dataset.show === '{side}'"
    for _ in range(50):
        tab.wait_until(showing)
        picture = tab.screenshot(selector="#viewer")
        if tab.evaluate(showing):
            return picture
    raise TimeoutError(f"no picture of the {side}")


def is_in(tab: Browser, expression: str) -> float:
    """Return the share of the viewer to the left of the divider."""
    return float(tab.evaluate(expression).rstrip("%")) / 100


DIVIDER = "getComputedStyle(document.getElementById('viewer')).getPropertyValue('--at')"


def test_dragging_swipes(tab):
    left, top, width, height = viewer_box(tab)
    before = tab.screenshot(selector="#viewer")
    middle = top + height / 2
    tab.drag((left + width / 2, middle), (left + width / 5, middle))
    after = tab.screenshot(selector="#viewer")
    assert is_in(tab, DIVIDER) == pytest.approx(0.2, abs=0.005)
    changed = (before != after).any(axis=(0, 2))
    # Between the divider's two places, knob included, the other image is seen now.
    knob = 25 / width
    assert changed[round(0.22 * width) : round(0.48 * width)].mean() > 0.95
    assert not changed[: round((0.2 - knob) * width)].any()
    assert not changed[round((0.5 + knob) * width) :].any()


def test_arrow_keys_swipe(tab):
    tab.evaluate("document.getElementById('swipe').focus()")
    before = tab.screenshot(selector="#viewer")
    for _ in range(3):
        tab.press("ArrowRight")
    assert is_in(tab, DIVIDER) == pytest.approx(0.53)
    assert (tab.screenshot(selector="#viewer") != before).any()
    tab.press("Home")
    assert is_in(tab, DIVIDER) == 0
    value = "document.getElementById('swipe').getAttribute('aria-valuetext')"
    assert tab.evaluate(value) == "0 % reference"


def test_button_and_key_blink(tab):
    pressed = "document.getElementById('blink').getAttribute('aria-pressed')"
    tab.evaluate("document.getElementById('blink').click()")
    assert tab.evaluate(pressed) == "true"
    reference, registered = shows(tab, "reference"), shows(tab, "registered")
    assert (reference != registered).any(axis=2).mean() > 0.5
    np.testing.assert_array_equal(shows(tab, "reference"), reference)
    tab.press("b")
    assert tab.evaluate(pressed) == "false"
    assert tab.evaluate("document.getElementById('viewer').dataset.show ?? ''") == ""
    tab.press("b")
    assert tab.evaluate(pressed) == "true"
    tab.press("Escape")
    assert tab.evaluate(pressed) == "false"


def test_blinking_shows_each_image_whole(tab):
    tab.evaluate("document.getElementById('blink').click()")
    blinking = shows(tab, "reference")
    tab.press("Escape")
    tab.evaluate("document.getElementById('swipe').focus()")
    tab.press("End")
    swiped = tab.screenshot(selector="#viewer")
    inner = np.s_[60:-60, 60:-60]  # off the labels and the knob
    np.testing.assert_array_equal(swiped[inner], blinking[inner])


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("light", DESK, False), ("dark", DESK, True), ("phone", PHONE, False)],
)
def test_page_fits_every_screen(tab, path, name, size, dark):
    tab.look(*size, dark=dark, phone=size == PHONE)
    picture = tab.screenshot(path.with_name(f"{name}.png"))
    assert (picture.mean() < 128) == dark
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert tab.evaluate("innerWidth") == size[0]
    small = tab.evaluate(
        "[...document.querySelectorAll('p, td, th, dd, dt, figcaption, .plot text')]"
        ".filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length"
    )
    assert small == 0


def test_reader_of_the_screen_hears_a_name_for_everything(tab):
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (n["role"]["value"], n.get("name", {}).get("value", ""))
        for n in nodes
        if n.get("role", {}).get("value") in ("slider", "button", "image", "heading")
        and not n["ignored"]
    ]
    assert all(name for _, name in named)
    roles = [role for role, _ in named]
    assert roles.count("slider") == roles.count("button") == 1
    assert roles.count("image") >= 7  # four photographs, three drawings


def test_page_prints_on_a_few_sheets(tab):
    pdf = tab.print_pdf()
    assert pdf.startswith(b"%PDF")
    assert 3 <= pdf.count(b"/Type /Page\n") <= 6
