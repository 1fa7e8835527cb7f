"""The command that aligns two image files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from photalign.cli import options
from photalign.cli.console import terminal
from photalign.cli.exits import Misuse, exit_code
from photalign.cli.outputs import check_outputs, text_writer, write_together
from photalign.cli.progress import progress_bar
from photalign.cli.start import read_start
from photalign.cli.summary import print_summary
from photalign.io import check_image_output, read_image, read_mask, write_image

if TYPE_CHECKING:
    from photalign.results import Alignment

_STDOUT = Path("-")


def align(
    reference: options.Reference,
    moving: options.Moving,
    warp: options.Warp = "affine",
    loss: options.Loss = "squared",
    brightness: options.Brightness = "none",
    method: options.Method = "auto",
    kernel: options.Kernel = "auto",
    levels: options.Levels = None,
    max_steps: options.MaxSteps = None,
    pixels: options.Pixels = None,
    init: options.Init = None,
    reference_mask: options.ReferenceMask = None,
    moving_mask: options.MovingMask = None,
    output: options.Output = None,
    report: options.Report = None,
    json_file: options.Json = None,
    write_failed: options.WriteFailed = False,
    quiet: options.Quiet = False,
    threads: options.Threads = None,
) -> int:
    """Find the warp that maps each point of REF to the same point of MOV.

    Prints the warp and how well it is known. Files appear complete or not at all.

    Exit codes: 0 ok, 1 misuse or unreadable file, 2 not converged.
    """
    import photalign

    inputs = (reference, moving, init, reference_mask, moving_mask)
    outputs = (output, report, None if json_file == _STDOUT else json_file)
    check_outputs(filter(None, outputs), filter(None, inputs))
    if report and report.suffix.lower() not in (".html", ".htm"):
        raise Misuse(f"report: expected a name that ends in .html, got {report}")
    with progress_bar(quiet=quiet) as show:
        fixed, shifted = read_image(reference), read_image(moving)
        if output:
            registered_shape = (*fixed.shape[:2], *shifted.shape[2:])
            check_image_output(output, shifted.dtype, registered_shape)
        try:
            result = photalign.align(
                fixed,
                shifted,
                warp,
                init=read_start(init) if init else "auto",
                method=method,
                kernel=kernel,
                loss=loss,
                brightness=brightness,
                solver=(
                    None
                    if max_steps is None
                    else photalign.LevenbergMarquardt(max_steps=max_steps)
                ),
                pyramid=None if levels is None else photalign.Pyramid(levels=levels),
                pixels=pixels,
                reference_mask=read_mask(reference_mask) if reference_mask else None,
                moving_mask=read_mask(moving_mask) if moving_mask else None,
                threads=threads,
                progress=show,
            )
        except (TypeError, ValueError) as error:
            raise Misuse(str(error)) from error
        to_be_written = result.ok or write_failed
        if to_be_written:
            show("writing")
            _write(result, output, report, json_file, threads)
    if to_be_written and json_file == _STDOUT:
        print(result.to_json())
    if not quiet:
        print_summary(result, terminal(stderr=json_file == _STDOUT))
    return exit_code(result)


def _write(
    result: Alignment,
    output: Path | None,
    report: Path | None,
    json_file: Path | None,
    threads: int | None,
) -> None:
    import photalign

    writers: dict[Path, Callable[[Path], object]] = {}
    if output:
        shape = result.reference.shape[:2]
        registered = photalign.resample(
            result.moving, result.warp, shape, threads=threads
        )
        writers[output] = partial(write_image, image=registered)
    if report:
        writers[report] = result.report
    if json_file and json_file != _STDOUT:
        writers[json_file] = text_writer(result.to_json())
    write_together(writers)
