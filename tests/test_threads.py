"""Threads: the same bits, Ctrl-C, fork, and callers that have threads of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS
from outcomes import outcome
from photalign.brightness import BRIGHTNESS
from photalign.losses import LOSSES
from photalign.synthetic import random_warp
from photalign.warps import WARPS
from scenes import views, waves

SHAPE = (141, 150)  # several rows of tiles, not all of one height


def pair_of(kind, rng, dtype="u1"):
    truth = random_warp(kind, SHAPE, 2.0, rng)
    return views(waves(rng), truth, SHAPE, noise=2, rng=rng, dtype=dtype)


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("kernel", TAPS)
def test_number_of_threads_changes_no_bit(kind, kernel, rng):
    images = pair_of(kind, rng)
    for loss, model in zip(LOSSES, [*BRIGHTNESS, *BRIGHTNESS], strict=False):
        options = {"kernel": kernel, "loss": loss, "brightness": model}
        results = {
            outcome(pa.align(*images, kind, threads=n, **options))
            for n in (1, 2, 3, 16)
        }
        assert len(results) == 1, (loss, model)


def test_masks_and_colour_change_no_bit_either(rng):
    reference, moving = (np.stack([image] * 3, -1) for image in pair_of("affine", rng))
    masks = {
        "reference_mask": rng.random(SHAPE) > 0.01,
        "moving_mask": rng.uniform(0.5, 1, SHAPE),
    }
    results = {outcome(pa.align(reference, moving, threads=n, **masks)) for n in (1, 4)}
    assert len(results) == 1


def test_repeating_changes_no_bit(rng):
    images = pair_of("homography", rng)
    results = {outcome(pa.align(*images, "homography", threads=2)) for _ in range(5)}
    assert len(results) == 1


def test_environment_sets_the_number(rng, monkeypatch):
    images = pair_of("affine", rng)
    expected = outcome(pa.align(*images, threads=1))
    monkeypatch.setenv("PHOTALIGN_THREADS", "3")
    assert outcome(pa.align(*images)) == expected
    monkeypatch.setenv("PHOTALIGN_THREADS", "many")
    with pytest.raises(ValueError, match="PHOTALIGN_THREADS: expected a number"):
        pa.align(*images)


def test_calls_from_many_threads_do_not_disturb_each_other(rng):
    pairs = [pair_of("affine", rng) for _ in range(6)]
    expected = [outcome(pa.align(*images, threads=1)) for images in pairs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda images: pa.align(*images, threads=2), pairs * 3))
    assert [outcome(one) for one in found] == expected * 3


def test_threads_sleep_between_calls(rng):
    """They stay awake for the next loop of a call, not for the next call."""
    images = pair_of("affine", rng)
    assert pa.align(*images, threads=3).ok
    time.sleep(0.01)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


def test_other_python_threads_go_on_meanwhile(rng):
    """The core gives the interpreter's lock away while it works."""
    image = rng.normal(100, 20, (1500, 1500)).astype("f4")
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.005):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    pa.align(image, image[::-1].copy(), solver=pa.GaussNewton(max_steps=10), threads=1)
    took = time.perf_counter() - started
    done.set()
    thread.join()
    assert len(ticks) > min(20, took / 0.05)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("error", [Stopped, KeyboardInterrupt, SystemExit])
def test_progress_may_stop_the_alignment(error, threads, rng):
    images = pair_of("affine", rng)
    seen = []

    def stop(step):
        seen.append(step)
        if len(seen) == 2:
            raise error

    with pytest.raises(error):
        pa.align(*images, threads=threads, progress=stop)
    assert len(seen) == 2
    assert pa.align(*images, threads=threads).ok


ENDLESS = """
import sys, time
import numpy as np
import photalign as pa

rng = np.random.default_rng(0)
reference, moving = rng.normal(100, 20, (2, 2400, 2400)).astype("f4")
solver = pa.LevenbergMarquardt(max_steps=10**6, step_tol=1e-12)
print("started", flush=True)
try:
    while True:
        pa.align(reference, moving, "homography", solver=solver, **{options})
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    raise
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize(
    "options",
    [
        {"threads": 1, "kernel": "bspline5_direct"},
        {"threads": 2, "loss": "tukey", "brightness": "gain_bias"},
        {"threads": 2, "kernel": "bspline5"},
    ],
    ids=["one_thread", "two_threads", "prefilter"],
)
@pytest.mark.parametrize("after", [0.1, 0.6])
def test_ctrl_c_stops_a_long_alignment(options, after):
    program = ENDLESS.format(options=options)
    command = [sys.executable, "-c", program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdout.readline() == "started\n"
        time.sleep(after)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert child.returncode != 0
    assert float(out) - sent < 0.5


FORK = """
import multiprocessing, os, threading
import numpy as np
import photalign as pa

rng = np.random.default_rng(0)
y, x = np.mgrid[:300, :400]
scene = lambda x, y: (100 + 40 * np.sin(x / 7) * np.cos(y / 9)).astype("f4")
pair = scene(x, y), scene(x - 1.5, y + 0.5)
align = lambda: pa.align(*pair, "translation", threads=2).warp.params.tolist()
expected = align()

def compare(queue):
    queue.put(align() == expected)

def in_a_child():
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=compare, args=(queue,))
    child.start()
    child.join(25)
    assert child.exitcode == 0, child.exitcode
    assert queue.get()

in_a_child()
stop = threading.Event()
def work():
    while not stop.is_set():
        align()
worker = threading.Thread(target=work)
worker.start()
for _ in range(3):
    in_a_child()  # while a loop of the parent may be under way
stop.set()
worker.join()
assert align() == expected
print("survived")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_survive_a_fork():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "survived\n"
