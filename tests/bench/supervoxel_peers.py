#!/usr/bin/env python3
"""Holds voxplain's supervoxels against scikit-image and SimpleITK on this machine.

All cut the same made-up head, which voxplain writes, with ten iterations of SLIC and
connected pieces enforced. They take turns, round by round. SimpleITK and voxplain use
--threads threads; scikit-image has one only.

Prints for each the number of supervoxels, seconds, processor seconds (all threads
together), and both as multiples of voxplain's.

See tests/bench/README.md for what to install and examples.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import numpy as np
    import SimpleITK as sitk
    import skimage
    from skimage.segmentation import slic
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is missing; install everything with: pip install -r tests/bench/requirements.txt")

ITERATIONS = 10


def timed(cut) -> dict:
    """Runs `cut`, which returns the number of its supervoxels."""
    wall, processor = time.perf_counter(), time.process_time()
    count = cut()
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - processor,
        "count": count,
    }


def scikit_image(image: np.ndarray, arguments: argparse.Namespace) -> dict:
    """Compactness 0.1: of its values the one that follows a phantom best."""
    return timed(lambda: int(slic(image, n_segments=arguments.count, compactness=0.1, max_num_iter=ITERATIONS,
                                  convert2lab=False, channel_axis=None, start_label=0).max()) + 1)


def simple_itk(image: np.ndarray, arguments: argparse.Namespace) -> dict:
    """The count is asked for by the size of the start grid."""
    scan = sitk.GetImageFromArray(image)
    cutter = sitk.SLICImageFilter()
    cutter.SetSuperGridSize([round((image.size / arguments.count) ** (1 / 3))] * 3)
    cutter.SetMaximumNumberOfIterations(ITERATIONS)
    cutter.SetEnforceConnectivity(True)
    cutter.SetNumberOfThreads(arguments.threads)
    found = []
    measured = timed(lambda: found.append(cutter.Execute(scan)))
    return {**measured, "count": len(np.unique(sitk.GetArrayViewFromImage(found[0])))}


def voxplain(arguments: argparse.Namespace, *more: str) -> dict:
    size = "x".join(map(str, arguments.size))
    command = [str(arguments.voxplain), "bench", "supervoxels", "--size", size, "--count", str(arguments.count),
               "--runs", "1", "--threads", str(arguments.threads), "--json", *more]
    try:
        finished = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"cannot start {arguments.voxplain} ({error}); build it with cargo build --release")
    if finished.returncode != 0:
        sys.exit(finished.stderr.strip().splitlines()[-1])
    said = json.loads(finished.stdout)
    return {
        "seconds": said["median_milliseconds"] / 1e3,
        "cpu_seconds": said["cpu_seconds"] or float("nan"),
        "count": said["supervoxels"],
    }


def size(text: str) -> list[int]:
    sizes = [int(part) for part in text.split("x")]
    if len(sizes) == 1:
        sizes *= 3
    if len(sizes) != 3:
        raise ValueError(text)
    return sizes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size, default=[240, 240, 155], metavar="WxDxH")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--voxplain", type=Path, default=Path("target/release/voxplain"), help="the program, a release build")
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.npy"
        voxplain(arguments, "--save-image", str(path))
        image = np.load(path)

    peers = {
        "voxplain": lambda: voxplain(arguments),
        f"SimpleITK {sitk.Version.VersionString()}": lambda: simple_itk(image, arguments),
        f"scikit-image {skimage.__version__} (one thread)": lambda: scikit_image(image, arguments),
    }
    measured = {name: [] for name in peers}
    for number in range(arguments.rounds):
        for name, run in peers.items():
            print(f"round {number + 1} of {arguments.rounds}: {name}", file=sys.stderr, flush=True)
            measured[name].append(run())

    def median(name: str, what: str) -> float:
        return statistics.median(run[what] for run in measured[name])

    edges = "×".join(map(str, arguments.size))
    print(f"{edges} voxels, {arguments.count} supervoxels asked for, {arguments.threads} threads, "
          f"{ITERATIONS} iterations, medians of {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print("| | supervoxels | s | CPU s | s / voxplain | CPU s / voxplain |")
    print("|---|---|---|---|---|---|")
    for name in peers:
        seconds, processor = median(name, "seconds"), median(name, "cpu_seconds")
        print(f"| {name} | {median(name, 'count'):.0f} | {seconds:.2f} | {processor:.2f} "
              f"| {seconds / median('voxplain', 'seconds'):.1f} | {processor / median('voxplain', 'cpu_seconds'):.1f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
