"""The report: one HTML file that shows an alignment, its numbers and its pictures.

It carries everything that it shows and asks nothing of the network; `write_report`
writes it, `page` puts it together, `figures` draws.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photalign.results import Alignment
    from photalign.warps import Warp

__all__ = ["write_report"]


def write_report(
    result: Alignment, path: str | os.PathLike[str], *, truth: Warp | None = None
) -> None:
    """Write an alignment as one HTML file that opens in any browser.

    Parameters
    ----------
    result : Alignment
        Converged or not: the page says in its first line which.
    path : path-like
        The file to write or replace, usually ending in ``.html``. It is written under
        a temporary name first: there is the old file or the new one, never half of it.
    truth : Warp, optional
        The warp that should have been found, if it is known. The page then sets it
        beside the estimate.

    Raises
    ------
    TypeError
        If `truth` is neither a warp nor None.
    OSError
        If the file cannot be written; the message names `path`.

    Notes
    -----
    Images with a side of more than 1600 pixels are shown smaller, by averaging blocks
    of pixels, and the page says so. All numbers come from the full images.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:60, 0:80]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> result = pa.align(image, image, "translation")
    >>> with TemporaryDirectory() as folder:
    ...     write_report(result, Path(folder, "report.html"))
    ...     print(Path(folder, "report.html").read_text("utf-8")[:15])
    <!doctype html>
    """
    from photalign.io import replacing
    from photalign.report.comparison import compare
    from photalign.report.page import render
    from photalign.warps import Warp

    if truth is not None and not isinstance(truth, Warp):
        raise TypeError(
            f"truth: expected a Warp or None, got {type(truth).__name__}; "
            "pass Homography(matrix)"
        )
    with replacing(path) as unfinished:
        html = render(result, compare(result), truth)
        unfinished.write_text(html, encoding="utf-8", newline="\n")
