"""A hook of the documentation's build: formulas become MathML.

Browsers show MathML by themselves, so the pages need no script and no network.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

# What the extension arithmatex leaves of $...$ and $$...$$.
_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)


def on_page_content(page_html: str, **_: Any) -> str:
    """Replace the formulas of a page; called by MkDocs."""
    return _FORMULA.sub(_mathml, page_html)


def _mathml(formula: re.Match[str]) -> str:
    latex = html.unescape(formula[2]).strip()
    return convert(latex, display="block" if formula[1] == "div" else "inline")
