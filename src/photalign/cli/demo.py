"""The command that shows what the library does, on photographs with a known truth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from photalign.cli import options
from photalign.cli.console import table, terminal
from photalign.cli.exits import Misuse, exit_code
from photalign.cli.outputs import check_outputs, text_writer, write_together
from photalign.cli.progress import progress_bar
from photalign.cli.summary import print_summary
from photalign.io import check_output, write_image
from photalign.report.summary import numbers

if TYPE_CHECKING:
    from rich.table import Table

    from photalign.results import Alignment
    from photalign.synthetic import Pair

_FILES = ("reference.png", "moving.png", "registered.png", "report.html", "result.json")


def demo(output_dir: options.OutputDir = Path("photalign-demo")) -> int:
    """Align a photograph with a second view of it, whose warp is known.

    The second view is distorted, lit otherwise, noisy and partly hidden. Shows truth
    beside estimate, and writes both views, the registered one, a report and the result.

    Needs scikit-image, which ships the photographs: pip install 'photalign[demo]'.
    """
    import photalign

    if output_dir.exists():
        check_outputs((output_dir / name for name in _FILES), inputs=())
    else:
        check_output(output_dir)
    with progress_bar(quiet=False) as show:
        views = _views()
        result = photalign.align(
            views.reference,
            views.moving,
            "auto",
            brightness="gain_bias",
            loss="robust",
            progress=show,
        )
        if result.ok:
            show("writing")
            _write(result, views, output_dir)
    console = terminal()
    rows, columns = views.shape
    console.print(
        f"Two views of {columns} x {rows} px, noise {views.noise:g} grey levels in "
        f"both, {views.occluder_mask.mean():.0%} of the second one hidden.\n"
    )
    print_summary(result, console, views.truth)
    console.print()
    console.print(_brightness(result, views))
    if result.ok:
        console.print(f"\nSee {output_dir / 'report.html'}", soft_wrap=True)
    return exit_code(result)


def _views() -> Pair:
    from photalign.synthetic import demo_pair

    try:
        return demo_pair()
    except ImportError as error:
        raise Misuse(str(error)) from error


def _brightness(result: Alignment, views: Pair) -> Table:
    found = {entry.name: entry.value for entry in numbers(result)}
    return table(
        ["brightness", "truth", "estimate"],
        [
            ["gain", f"{views.gain:g}", found["Gain"]],
            ["bias", f"{views.bias:g} grey levels", found["Bias"]],
        ],
    )


def _write(result: Alignment, views: Pair, folder: Path) -> None:
    import photalign

    registered = photalign.resample(views.moving, result.warp, views.shape)
    writers = (
        partial(write_image, image=views.reference),
        partial(write_image, image=views.moving),
        partial(write_image, image=registered),
        partial(result.report, truth=views.truth),
        text_writer(result.to_json()),
    )
    folder.mkdir(exist_ok=True)
    names = (folder / name for name in _FILES)
    write_together(dict(zip(names, writers, strict=True)))
