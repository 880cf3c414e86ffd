#!/usr/bin/env python3
"""Holds voxplain's network against PyTorch, onnxruntime and OpenVINO on this machine.

The same weights, input, thread count and precision (float32) for all; the peers take
turns, round by round, so that a machine that slows down slows down for all of them.
Every peer is a process of its own: its peak memory and its threads are its own.

Prints for each case milliseconds, processor seconds, GFLOP/s, memory, the time as a
multiple of voxplain's, and how far the logits are from those of PyTorch (MONAI's
network). Ends with code 1 if voxplain's logits are further from them than allowed.

See tests/bench/README.md for what to install and examples.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

try:
    import numpy as np
except ModuleNotFoundError:
    sys.exit("numpy is missing; install everything with: pip install -r tests/bench/requirements.txt")

PYTHON_PEERS = ["torch", "sdpa", "onnxruntime", "openvino"]
LABELS = {
    "voxplain": "voxplain",
    "torch": "PyTorch (MONAI)",
    "sdpa": "PyTorch with SDPA",
    "onnxruntime": "onnxruntime",
    "openvino": "OpenVINO f32",
}
NEEDS_ONNX = {"onnxruntime", "openvino"}

# Largest and mean absolute difference of voxplain's logits from PyTorch's.
ALLOWED = (1e-3, 5e-5)

# The base network of MONAI's BTCV checkpoints at the size it was trained at.
PARITY_CASE = {"feature_size": 48, "channels": 1, "classes": 14, "use_v2": False, "size": [96, 96, 96]}


class Failed(Exception):
    """A peer cannot take part; the reason in one line."""


def thread_environment(threads: int) -> dict[str, str]:
    """Libraries read their number of threads before any code can set it."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def worker_command(task: str, case: dict, threads: int, *more: str) -> list[str]:
    script = Path(__file__).with_name("worker.py")
    return [sys.executable, str(script), task, "--case", json.dumps(case), "--threads", str(threads), *more]


class PythonPeer:
    """A worker process that has a peer's network loaded and waits for its turn."""

    def __init__(self, name: str, case: dict, onnx: Path, threads: int, log: Path):
        self.name = name
        self.log = log
        command = worker_command("serve", case, threads, "--peer", name, "--onnx", str(onnx))
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=thread_environment(threads),
            )
        self.loading = self.answer()
        self.version = self.loading["version"]
        self.loading_peak_memory_mib = self.loading["loading_peak_memory_mib"]

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text().strip().splitlines() or ["nothing was said"]
            raise Failed(f"{said[-1]} (all of it: {self.log})")
        return json.loads(line)

    def ask(self, line: str) -> dict:
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # The answer says why.
        return self.answer()

    def run(self, passes: int) -> dict:
        return self.ask(f"run {passes}")

    def logits(self, path: Path) -> None:
        self.ask(f"logits {path}")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Voxplain:
    """The program, started anew for every turn."""

    def __init__(self, program: Path, case: dict, folder: Path, threads: int, device: str):
        self.name = "voxplain"
        self.program, self.folder = program, folder
        self.size = "x".join(map(str, case["size"]))
        self.common = ["--device", device, "--threads", str(threads), "--seed", str(case["seed"]), "--json"]
        self.version = self.said(["--version"]).strip()
        self.loading_peak_memory_mib = None
        self.gflop = None

    def said(self, arguments: list[str]) -> str:
        try:
            finished = subprocess.run([str(self.program), *arguments], capture_output=True, text=True)
        except OSError as error:
            raise Failed(f"cannot start {self.program} ({error}); build it with cargo build --release") from None
        if finished.returncode != 0:
            lines = finished.stderr.strip().splitlines() or ["nothing was said"]
            raise Failed(lines[-1])
        return finished.stdout

    def run(self, passes: int) -> dict:
        weights = ["--weights", str(self.folder / "weights.safetensors")]
        arguments = ["bench", "forward", *weights, "--size", self.size, "--runs", str(passes), *self.common]
        measured = json.loads(self.said(arguments))["measurements"][0]
        self.loading_peak_memory_mib = measured["loading_peak_memory_mib"]
        self.gflop = measured["gflop"]
        return measured

    def logits(self, path: Path) -> None:
        files = ["--weights", str(self.folder / "weights.safetensors"), "--input", str(self.folder / "input.npy")]
        order = ["--merge-order", "merging"]
        self.said(["debug", "forward", *files, "--output", str(path), *order, *self.common])

    def close(self) -> None:
        pass


def case_name(case: dict) -> str:
    size = "x".join(map(str, case["size"]))
    kind = "_v2" if case["use_v2"] else ""
    return f"f{case['feature_size']}{kind}_in{case['channels']}_out{case['classes']}_{size}_seed{case['seed']}"


def prepare(case: dict, folder: Path, onnx: Path | None, threads: int) -> None:
    """Weights, input, PyTorch's logits and, if wanted, the ONNX file of a case."""
    more = ["--folder", str(folder)] + (["--onnx", str(onnx)] if onnx else [])
    finished = subprocess.run(
        worker_command("prepare", case, threads, *more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=thread_environment(threads),
    )
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines() or [f"it ended with code {finished.returncode}"]
        raise Failed(f"the case cannot be prepared: {lines[-1]}")


def differences(actual: Path, expected: Path) -> tuple[float, float]:
    """Largest and mean absolute difference of two arrays."""
    difference = np.abs(np.load(actual).astype(np.float64) - np.load(expected))
    return float(difference.max()), float(difference.mean())


def measure(case: dict, names: list[str], rounds: int, arguments: argparse.Namespace) -> tuple[list[dict], list[str]]:
    """One row for each peer that could take part, and why the others could not."""
    folder = arguments.work / case_name(case)
    folder.mkdir(parents=True, exist_ok=True)
    onnx = (arguments.onnx_cache or arguments.work / "onnx") / f"{case_name(case)}.onnx"
    note(f"preparing {case_name(case)}")
    prepare(case, folder, onnx if NEEDS_ONNX & set(names) else None, arguments.threads)

    peers, rows, turns, left_out = [], {}, {}, []
    try:
        for name in names:
            note(f"loading {LABELS[name]}")
            try:
                if name == "voxplain":
                    peer = Voxplain(arguments.voxplain, case, folder, arguments.threads, arguments.device)
                else:
                    peer = PythonPeer(name, case, onnx, arguments.threads, folder / f"{name}.log")
                found = folder / f"logits_{name}.npy"
                peer.logits(found)
                largest, mean = differences(found, folder / "logits.npy")
            except Failed as failed:
                left_out.append(f"{LABELS[name]} is left out: {failed}")
                note(left_out[-1])
                continue
            peers.append(peer)
            turns[name] = []
            rows[name] = {
                "peer": name,
                "version": peer.version,
                "logits_largest_difference": largest,
                "logits_mean_difference": mean,
            }
        for number in range(rounds):
            # Each round starts with another peer, so that none always follows the same.
            start = number % max(len(peers), 1)
            for peer in peers[start:] + peers[:start]:
                note(f"round {number + 1} of {rounds}: {LABELS[peer.name]}")
                turns[peer.name].append(peer.run(arguments.passes))
        gflop = next((peer.gflop for peer in peers if peer.name == "voxplain"), None)
        for peer in peers:
            rows[peer.name]["loading_peak_memory_mib"] = peer.loading_peak_memory_mib
    except Failed as failed:
        raise Failed(f"a peer broke off in the middle of the measurement: {failed}") from None
    finally:
        for peer in peers:
            peer.close()

    for name, done in turns.items():
        rows[name].update(summary(done, gflop))
    base = rows.get("voxplain", {}).get("median_milliseconds")
    for row in rows.values():
        median = row.get("median_milliseconds")
        row["times_voxplain"] = median / base if base and median else None
    return list(rows.values()), left_out


def summary(turns: list[dict], gflop: float | None) -> dict:
    """Medians over all timed passes of all turns."""
    if not turns:
        return {}
    milliseconds = [value for turn in turns for value in turn["milliseconds"]]
    processor = [turn["cpu_seconds"] for turn in turns if turn["cpu_seconds"] is not None]
    peaks = [turn["running_peak_memory_mib"] for turn in turns if turn["running_peak_memory_mib"] is not None]
    median = statistics.median(milliseconds)
    return {
        "milliseconds": milliseconds,
        "median_milliseconds": median,
        "minimum_milliseconds": min(milliseconds),
        "cpu_seconds": statistics.median(processor) if processor else None,
        "gflop": gflop,
        "gflop_per_second": gflop / median * 1e3 if gflop else None,
        "running_peak_memory_mib": max(peaks, default=None),
    }


def table(rows: list[dict]) -> str:
    columns = [
        ("", "peer", lambda value: LABELS[value]),
        ("median ms", "median_milliseconds", "{:.0f}".format),
        ("min ms", "minimum_milliseconds", "{:.0f}".format),
        ("CPU s", "cpu_seconds", "{:.2f}".format),
        ("GFLOP/s", "gflop_per_second", "{:.1f}".format),
        ("peak MiB running", "running_peak_memory_mib", "{:.0f}".format),
        ("peak MiB loading", "loading_peak_memory_mib", "{:.0f}".format),
        ("time / voxplain", "times_voxplain", "{:.2f}".format),
        ("logits max diff", "logits_largest_difference", "{:.1e}".format),
        ("logits mean diff", "logits_mean_difference", "{:.1e}".format),
    ]
    lines = [
        "| " + " | ".join(title for title, _, _ in columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for row in rows:
        values = (row.get(key) for _, key, _ in columns)
        cells = ["–" if value is None else show(value) for value, (_, _, show) in zip(values, columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def load_average() -> float | None:
    """Processes that want to run, on average over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def size(text: str) -> list[int]:
    sizes = [int(part) for part in text.split("x")]
    if len(sizes) == 1:
        sizes *= 3
    if len(sizes) != 3:
        raise ValueError(text)
    return sizes


def parse() -> argparse.Namespace:
    def list_of(kind):
        return lambda text: [kind(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feature-size", type=list_of(int), default=[12, 24, 48], metavar="12,24,48")
    parser.add_argument("--size", type=list_of(size), default=[[64] * 3, [96] * 3], metavar="64,96",
                        help="edge of the input in voxels, or DxHxW; several with commas")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--v2", action="store_true", help="SwinUNETR-V2")
    parser.add_argument("--seed", type=int, default=1, help="of weights and input")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", choices=["cpu", "auto", "gpu"], default="cpu", help="for voxplain; the others use the CPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=1, help="timed passes of a turn, after one to warm up")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=PYTHON_PEERS, metavar=",".join(PYTHON_PEERS))
    parser.add_argument("--parity", action="store_true",
                        help="also compare logits of the base network: feature size 48, 14 classes, 96x96x96")
    parser.add_argument("--prepare-only", action="store_true", help="make weights, inputs and ONNX files, measure nothing")
    parser.add_argument("--voxplain", type=Path, default=Path("target/release/voxplain"), help="the program, a release build")
    parser.add_argument("--work", type=Path, required=True, help="folder for weights, logits and results.json")
    parser.add_argument("--onnx-cache", type=Path, help="folder of exported networks (default: in --work)")
    arguments = parser.parse_args()
    unknown = set(arguments.peers) - set(PYTHON_PEERS)
    if unknown:
        parser.error(f"there is no peer {', '.join(sorted(unknown))}; choose from {', '.join(PYTHON_PEERS)}")
    return arguments


def main() -> int:
    arguments = parse()
    arguments.work.mkdir(parents=True, exist_ok=True)
    shared = {"channels": arguments.channels, "classes": arguments.classes, "use_v2": arguments.v2}
    todo = [
        ({**shared, "feature_size": feature_size, "size": edges, "seed": arguments.seed},
         ["voxplain", *arguments.peers], arguments.rounds)
        for feature_size, edges in itertools.product(arguments.feature_size, arguments.size)
    ]
    if arguments.parity:
        todo.append(({**PARITY_CASE, "seed": arguments.seed}, ["voxplain"], 0))

    results = {"processor": processor(), "threads": arguments.threads, "cases": []}
    failures = []
    print(f"{results['processor']}, {arguments.threads} threads, float32, one image at a time\n")
    for case, names, rounds in todo:
        try:
            if arguments.prepare_only:
                onnx = (arguments.onnx_cache or arguments.work / "onnx") / f"{case_name(case)}.onnx"
                note(f"preparing {case_name(case)}")
                wanted = NEEDS_ONNX & set(names)
                prepare(case, arguments.work / case_name(case), onnx if wanted else None, arguments.threads)
                continue
            load_before = load_average()
            rows, left_out = measure(case, names, rounds, arguments)
        except Failed as failed:
            failures.append(f"{case_name(case)}: {failed}")
            note(failures[-1])
            continue
        results["cases"].append({
            **case,
            "rows": rows,
            "left_out": left_out,
            "load_average_before": load_before,
            "load_average_after": load_average(),
        })
        (arguments.work / "results.json").write_text(json.dumps(results, indent=1))
        below = "; ".join(dict.fromkeys(row["version"] for row in rows))
        if load_before is not None:
            below += f"; load average before {load_before:.1f}"
        below = "\n".join([below, *left_out])
        print(f"### {case_name(case)}\n\n{table(rows)}\n\n{below}\n", flush=True)
        failures += too_far(case, rows)
    for failure in failures:
        note(f"failed: {failure}")
    return 1 if failures else 0


def too_far(case: dict, rows: list[dict]) -> list[str]:
    """What is wrong with voxplain's logits, if anything."""
    row = next((row for row in rows if row["peer"] == "voxplain"), None)
    if row is None:
        return [f"{case_name(case)}: voxplain did not take part"]
    found = (row["logits_largest_difference"], row["logits_mean_difference"])
    if all(value <= allowed for value, allowed in zip(found, ALLOWED)):
        return []
    return [f"{case_name(case)}: voxplain's logits differ by up to {found[0]:.1e}, {found[1]:.1e} on average; "
            f"allowed are {ALLOWED[0]:.0e} and {ALLOWED[1]:.0e}"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
