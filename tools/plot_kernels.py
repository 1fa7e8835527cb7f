"""Draw every kernel, as the package samples it, for docs/kernels.md.

Run it after a change of a kernel: ``.venv/bin/python tools/plot_kernels.py``. The
same versions write the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from photalign import Sampler
from photalign.kernels import KERNELS, Kernel

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "kernels"

# Half-way between black and white, so that it is seen on either; and three colours of
# that lightness, which the dashes tell apart as well.
INK = "#808080"
CURVES = (
    ("f", "#009688", "solid"),
    ("f\u2032", "#d9730d", (0, (5, 1.5))),
    ("f\u2033", "#7e6fd6", (0, (1.2, 1.2))),
)
STYLE = {
    "svg.hashsalt": "photalign",
    "svg.fonttype": "none",  # the reader's fonts
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "grid.color": INK,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "xtick.color": INK,
    "ytick.color": INK,
}

REACH = 4  # pixels on either side that are shown
FAR = 48  # where every response has faded: 0.43 ** 48 < 1e-17
PER_CELL = 32

Floats = NDArray[np.float64]


def responses(kernel: Kernel, positions: Floats) -> list[Floats]:
    """Sample an impulse, and its derivatives if the kernel has any."""
    middle = 2 * FAR
    impulse = np.zeros(2 * middle + 1)
    impulse[middle] = 1
    sampler = Sampler(impulse, kernel.name, ndim=1)
    points = (middle + positions)[:, np.newaxis]
    if not kernel.derivatives:
        return [sampler(points)]
    values, slopes, curvatures = sampler.value_grad_hess(points)
    return [values, slopes[:, 0], curvatures[:, 0, 0]]


def cells(kernel: Kernel, reach: int) -> Iterator[Floats]:
    """Yield positions in each cell, from one knot to just before the next."""
    shift = 0.5 * (kernel.taps % 2)
    within = np.linspace(0, 1, PER_CELL + 1)
    within[-1] -= 1e-9
    for start in np.arange(-reach - shift, reach + shift):
        yield start + within


def draw_responses(axes: Axes, kernel: Kernel) -> None:
    """Draw the impulse response and its derivatives, broken where they jump."""
    whole = list(cells(kernel, REACH))
    pieces = [responses(kernel, positions) for positions in whole]
    shown = [
        k for k in range(len(pieces[0])) if any(piece[k].any() for piece in pieces)
    ]
    for order in shown:
        name, color, dashes = CURVES[order]
        x, y = [], []
        for positions, sampled in zip(whole, pieces, strict=True):
            if y and abs(y[-1][-1] - sampled[order][0]) > 1e-6:
                x.append([np.nan])
                y.append([np.nan])
            x.append(positions)
            y.append(sampled[order])
        axes.plot(
            np.concatenate(x),
            np.concatenate(y),
            color=color,
            linestyle=dashes,
            label=name,
            zorder=4 - order,
        )
    derivatives = " and derivatives" if len(shown) > 1 else ""
    axes.set_title(f"impulse response{derivatives}")
    axes.set_xlabel("distance, px")
    axes.set_xlim(-REACH, REACH)
    axes.set_xticks(range(-REACH, REACH + 1))
    axes.legend(loc="upper right", handlelength=2.2, borderaxespad=0)


def attenuation(kernel: Kernel, frequencies: Floats) -> Floats:
    """Return the Fourier transform of the impulse response, in decibels."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    total = np.zeros_like(frequencies)
    for positions in cells(kernel, FAR):
        middle = (positions[0] + positions[-1]) / 2
        x = middle + nodes / 2
        waves = np.cos(2 * np.pi * np.outer(frequencies, x))
        total += waves @ (weights / 2 * responses(kernel, x)[0])
    return 20 * np.log10(np.maximum(np.abs(total), 1e-9))


def draw_attenuation(axes: Axes, kernel: Kernel) -> None:
    """Draw what becomes of a wave, beside the ideal: all below 1/2, nothing above."""
    frequencies = np.linspace(0, 2, 401)
    axes.plot([0, 0.5, 0.5], [0, 0, -80], color=INK, linewidth=1, linestyle="dashed")
    axes.plot(frequencies, attenuation(kernel, frequencies), color=CURVES[0][1])
    axes.set_title("frequency response")
    axes.set_xlabel("frequency, cycles per px")
    axes.set_ylabel("dB")
    axes.set_xlim(0, 2)
    axes.set_xticks([0, 0.5, 1, 1.5, 2])
    axes.set_ylim(-80, 5)


def draw(kernel: Kernel) -> None:
    """Write the figure of a kernel."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.4, 2.9), width_ratios=(1.5, 1), layout="constrained"
    )
    draw_responses(left, kernel)
    draw_attenuation(right, kernel)
    for axes in (left, right):
        axes.grid(True)
        axes.set_axisbelow(True)
    figure.savefig(
        FOLDER / f"{kernel.name}.svg",
        transparent=True,
        metadata={"Date": None, "Creator": None, "Title": kernel.name},
    )
    plt.close(figure)


def main() -> None:
    """Draw all kernels."""
    mpl.use("svg")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for kernel in KERNELS.values():
            draw(kernel)


if __name__ == "__main__":
    main()
