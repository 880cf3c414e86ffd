"""One peer in a process of its own, so that its threads and its memory are its own.

Started by peers.py, never by hand. The first argument says what to do:

    prepare   write weights, input and PyTorch's logits of a case, and its ONNX file
    serve     load a peer, then answer the lines on standard input:
                  run N         one pass to warm up, then N that are timed
                  logits FILE   one pass, its result as .npy

Answers are lines of JSON on standard output; everything that libraries print goes to
standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Callable

import numpy as np

import recipe

Forward = Callable[[np.ndarray], np.ndarray]


def swin_unetr(case: dict, use_flash_attention: bool = False):
    """MONAI's network of a case with the recipe's weights."""
    import torch
    from monai.networks.nets import SwinUNETR

    network = SwinUNETR(
        in_channels=case["channels"],
        out_channels=case["classes"],
        feature_size=case["feature_size"],
        use_v2=case["use_v2"],
        use_flash_attention=use_flash_attention,
    ).eval()
    state = network.state_dict()
    for name, value in state.items():
        # A buffer that is computed, not learned.
        if not name.endswith("relative_position_index"):
            state[name] = torch.from_numpy(recipe.tensor(name, tuple(value.shape), case["seed"]))
    network.load_state_dict(state)
    return network


def input_of(case: dict) -> np.ndarray:
    return recipe.network_input((1, case["channels"], *case["size"]), case["seed"])


# The peers. Each takes (case, ONNX file, threads) and gives its version and a function
# from an input on the host to logits on the host.


def load_torch(case: dict, onnx: Path | None, threads: int, flash: bool = False) -> tuple[str, Forward]:
    import monai
    import torch

    torch.set_num_threads(threads)
    network = swin_unetr(case, use_flash_attention=flash)

    def forward(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(x)).numpy()

    return f"torch {torch.__version__}, monai {monai.__version__}", forward


def load_sdpa(case: dict, onnx: Path | None, threads: int) -> tuple[str, Forward]:
    return load_torch(case, onnx, threads, flash=True)


def load_onnxruntime(case: dict, onnx: Path | None, threads: int) -> tuple[str, Forward]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Its threads wait busily during a pass, as they do for its users, but not after it:
    # that would slow down the peer whose turn is next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return f"onnxruntime {onnxruntime.__version__}", lambda x: session.run(None, {name: x})[0]


def load_openvino(case: dict, onnx: Path | None, threads: int) -> tuple[str, Forward]:
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Its default takes 16-bit arithmetic where the processor has it, which moves
        # logits by tenths.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(str(onnx)), "CPU", settings)
    request = compiled.create_infer_request()
    output = compiled.output(0)
    return f"openvino {openvino.__version__.split('-')[0]}", lambda x: request.infer({0: x})[output].copy()


PEERS = {
    "torch": load_torch,
    "sdpa": load_sdpa,
    "onnxruntime": load_onnxruntime,
    "openvino": load_openvino,
}


def peak_memory_mib() -> float | None:
    """The most memory this process has used since it was last asked to forget."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def forget_peak_memory() -> bool:
    """Starts the peak anew, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return True
    except OSError:
        return False


def serve(peer: str, case: dict, onnx: Path | None, threads: int, answer: Callable[[dict], None]) -> None:
    started = time.perf_counter()
    version, forward = PEERS[peer](case, onnx, threads)
    x = input_of(case)
    loading = {"version": version, "load_seconds": time.perf_counter() - started}
    answer({**loading, "loading_peak_memory_mib": peak_memory_mib()})
    forgot = forget_peak_memory()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "logits":
            np.save(argument, forward(x))
            answer({})
        elif command == "run":
            forward(x)
            milliseconds = []
            processor_before = time.process_time()
            for _ in range(int(argument)):
                before = time.perf_counter()
                forward(x)
                milliseconds.append((time.perf_counter() - before) * 1e3)
            seconds = (time.process_time() - processor_before) / len(milliseconds)
            peak = peak_memory_mib() if forgot else None
            answer({"milliseconds": milliseconds, "cpu_seconds": seconds, "running_peak_memory_mib": peak})
        else:
            break


def prepare(case: dict, folder: Path, onnx: Path | None, threads: int) -> None:
    """What all peers share. Files that are there are kept; each is moved into its
    place when it is complete, so that a run that was broken off leaves none of them."""
    import torch

    torch.set_num_threads(threads)
    weights, inputs, logits = (folder / name for name in ("weights.safetensors", "input.npy", "logits.npy"))
    if weights.exists() and inputs.exists() and logits.exists() and (onnx is None or onnx.exists()):
        return
    network = swin_unetr(case)
    x = input_of(case)
    if not weights.exists():
        from safetensors.numpy import save_file

        state = network.state_dict()
        # What is computed from the window size is no weight.
        kept = {name: value.numpy() for name, value in state.items() if not name.endswith("position_index")}
        in_place(weights, lambda path: save_file(kept, path))
    if not inputs.exists():
        in_place(inputs, lambda path: np.save(path, x))
    if not logits.exists():
        with torch.inference_mode():
            y = network(torch.from_numpy(x)).numpy()
        in_place(logits, lambda path: np.save(path, y))
    if onnx is not None and not onnx.exists():
        in_place(onnx, lambda path: export(network, torch.from_numpy(x), path))


def in_place(target: Path, write: Callable[[Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"partial-{os.getpid()}-{target.name}")
    try:
        write(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def export(network, x, path: Path) -> None:
    """The input's size is part of the file: MONAI computes masks from it as constants."""
    import torch

    names = {"input_names": ["x"], "output_names": ["y"]}
    with torch.inference_mode():
        try:
            torch.onnx.export(network, (x,), str(path), opset_version=17, dynamo=False, **names)
        except Exception as error:  # The older exporter fails at some sizes, with various errors.
            print(f"exporting by tracing failed ({error}); trying torch.export", file=sys.stderr)
            torch.onnx.export(network, (x,), str(path), dynamo=True, external_data=False, **names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["prepare", "serve"])
    parser.add_argument("--case", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--peer", choices=PEERS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--onnx", type=Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    # Answers keep the pipe that was standard output; prints go to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(values: dict) -> None:
        print(json.dumps(values), file=answers, flush=True)

    if arguments.task == "prepare":
        prepare(arguments.case, arguments.folder, arguments.onnx, arguments.threads)
        answer({})
    else:
        serve(arguments.peer, arguments.case, arguments.onnx, arguments.threads, answer)


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:  # MONAI raises its own kind for packages it finds missing.
        missing = str(error).partition(". ")[0]
        sys.exit(f"a package is missing ({missing}); install all with: pip install -r tests/bench/requirements.txt")
