#!/usr/bin/env python3
"""Holds voxplain's opening of compressed scans against nibabel and SimpleITK.

`voxplain bench load --keep` writes the scans and times itself; the peers open the same
files in processes of their own, in turns with further runs of voxplain, so that a machine
that slows down slows down for all. Everyone ends with the stored 16-bit numbers in memory.

Prints milliseconds and memory, and each as a multiple of voxplain's. Needs nibabel and
SimpleITK: pip install nibabel SimpleITK
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = ["nibabel", "SimpleITK"]


def peak_mib() -> float:
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def resident_mib() -> float:
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def work(peer: str, path: str) -> None:
    """Opens a file once and says how long it took."""
    from time import perf_counter

    import numpy as np

    if peer == "nibabel":
        import nibabel

        def first_slice():
            return np.asarray(nibabel.load(path).dataobj[..., 0])

        def everything():
            return np.asarray(nibabel.load(path).dataobj)
    else:
        import SimpleITK

        def first_slice():
            # Its streaming reader still inflates up to the slice only where it can.
            reader = SimpleITK.ImageFileReader()
            reader.SetFileName(path)
            reader.ReadImageInformation()
            width, height, _ = reader.GetSize()
            reader.SetExtractIndex([0, 0, 0])
            reader.SetExtractSize([width, height, 1])
            return reader.Execute()

        def everything():
            return SimpleITK.ReadImage(path)

    before = resident_mib()
    start = perf_counter()
    kept = everything()
    all_ms = (perf_counter() - start) * 1e3
    memory = peak_mib() - before
    del kept
    start = perf_counter()
    first_slice()
    first_ms = (perf_counter() - start) * 1e3
    print(json.dumps({"first_ms": first_ms, "all_ms": all_ms, "peak_mib": memory}))


def run_peer(peer: str, path: Path) -> dict:
    command = [sys.executable, __file__, "--work", peer, str(path)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"{peer} failed: {finished.stderr.strip().splitlines()[-1]}")
    return json.loads(finished.stdout)


def run_voxplain(program: str, folder: Path, size: str) -> dict:
    command = [program, "bench", "load", "--size", size, "--runs", "1", "--keep", str(folder), "--json"]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"voxplain failed: {finished.stderr.strip().splitlines()[-1]}")
    case = json.loads(finished.stdout)["cases"][0]
    return {
        "first_ms": case["first_slice_milliseconds"],
        "all_ms": case["all_milliseconds"],
        "peak_mib": case["peak_memory_mib"] or 0.0,
        "raw_mib": case["raw_mib"],
        "file_mib": case["file_mib"],
        "path": case["path"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxplain", default="target/release/voxplain")
    parser.add_argument("--size", default="240x240x155,512x512x300")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", nargs=2, metavar=("PEER", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(*arguments.work)
        return

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.size.split(","):
            runs: dict[str, list[dict]] = {name: [] for name in ["voxplain", *PEERS]}
            for _ in range(arguments.rounds):
                runs["voxplain"].append(run_voxplain(arguments.voxplain, Path(folder), size))
                for peer in PEERS:
                    runs[peer].append(run_peer(peer, Path(runs["voxplain"][0]["path"])))
            keys = ["first_ms", "all_ms", "peak_mib"]
            median = {
                name: {key: statistics.median(run[key] for run in of) for key in keys}
                for name, of in runs.items()
            }
            raw = runs["voxplain"][0]["raw_mib"]
            results[size] = {"raw_mib": raw, "file_mib": runs["voxplain"][0]["file_mib"], "medians": median}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    load = os.getloadavg()[0]
    for size, result in results.items():
        print(f"\n{size}, {result['file_mib']:.0f} MiB on disk, {result['raw_mib']:.0f} MiB raw, load average {load:.1f}")
        print(f"{'':<10} {'first slice ms':>15} {'x':>6} {'all ms':>8} {'x':>6} {'peak MiB':>9} {'/ raw':>6}")
        ours = result["medians"]["voxplain"]
        for name, of in result["medians"].items():
            print(
                f"{name:<10} {of['first_ms']:>15.1f} {of['first_ms'] / ours['first_ms']:>6.1f}"
                f" {of['all_ms']:>8.0f} {of['all_ms'] / ours['all_ms']:>6.2f}"
                f" {of['peak_mib']:>9.0f} {of['peak_mib'] / result['raw_mib']:>6.2f}"
            )


if __name__ == "__main__":
    main()
