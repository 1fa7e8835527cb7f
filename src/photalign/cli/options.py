"""The arguments and options of the commands, and what ``--help`` says about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MODEL, _KNOWN, _OUTPUT = "Model", "What is known", "Output"


def _whole_number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise typer.BadParameter(f"expected a whole number, got {word!r}") from None


Reference = Annotated[
    Path, typer.Argument(metavar="REF", help="The image that stays as it is.")
]
Moving = Annotated[
    Path, typer.Argument(metavar="MOV", help="The image to bring onto it.")
]

Warp = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="translation, euclidean, similarity, affine or homography; auto: the "
        "simplest of these that says all that the images tell.",
        rich_help_panel=_MODEL,
    ),
]
Loss = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="squared, huber, cauchy, tukey or geman_mcclure; robust: for occlusions.",
        rich_help_panel=_MODEL,
    ),
]
Brightness = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="none, gain_bias, normalized, or local for light that changes within the "
        "images.",
        rich_help_panel=_MODEL,
    ),
]
Features = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What is compared: intensity, or for images of different kinds "
        "orientation, census or descriptor_fields.",
        rich_help_panel=_MODEL,
    ),
]
Method = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, forward, inverse or esm.",
        rich_help_panel=_MODEL,
    ),
]
Kernel = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, linear, catmull_rom, bspline3, bspline3_direct, bspline5 or "
        "bspline5_direct.",
        rich_help_panel=_MODEL,
    ),
]
Levels = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=_whole_number,
        help="Levels of the pyramid. By default as many as the images allow.",
        rich_help_panel=_MODEL,
    ),
]


def _share_or_count(text: str) -> float:
    """Read a share of all pixels, or a count of them."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a share such as 0.2 or a count, got {text!r}"
        ) from None


Pixels = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        parser=_share_or_count,
        help="Share or number of the pixels to use, the most telling. By default all.",
        rich_help_panel=_MODEL,
    ),
]

MaxSteps = Annotated[
    int | None,
    typer.Option(
        "--max-steps",
        metavar="N",
        parser=_whole_number,
        help="Most steps on each level. By default 50.",
        rich_help_panel=_MODEL,
    ),
]

Init = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="Where to start: auto, identity; a search: phase, fourier_mellin, grid; "
        "or a file, a result of --json, or 3x3 numbers as text or .npy.",
        rich_help_panel=_KNOWN,
    ),
]
ReferenceMask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="An image as large as REF; where it is 0, REF does not count.",
        rich_help_panel=_KNOWN,
    ),
]
MovingMask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="An image as large as MOV; where it is 0, MOV does not count.",
        rich_help_panel=_KNOWN,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option(
        *("--output", "-o"),
        metavar="FILE",
        help="MOV on the pixels of REF, of MOV's type: .png, .tif, .npy or .jpg.",
        rich_help_panel=_OUTPUT,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A page to look at, .html: both images, differences, all numbers.",
        rich_help_panel=_OUTPUT,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="The result for other programs; - is standard output.",
        rich_help_panel=_OUTPUT,
    ),
]
WriteFailed = Annotated[
    bool,
    typer.Option(
        "--write-failed",
        help="Write all this even if the alignment did not converge.",
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        *("--quiet", "-q"),
        help="Print nothing but errors.",
        rich_help_panel=_OUTPUT,
    ),
]
OutputDir = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER",
        help="Where to write images, report and result; made if missing.",
    ),
]

Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=_whole_number,
        help="Threads to use. By default all that this process may use.",
    ),
]
