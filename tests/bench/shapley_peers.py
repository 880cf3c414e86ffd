#!/usr/bin/env python3
"""Holds voxplain's estimators of Shapley values against shap, captum and shapiq.

voxplain writes its generated games (and a network's measured ones) with their exact
values; every peer plays the same games with the same numbers of evaluations. Prints the
median relative squared error of each, and the evaluations each needs for 0.01.

Needs numpy, and shap, captum (with torch) and shapiq as far as they shall take part:
    python3 tests/bench/shapley_peers.py --voxplain target/release/voxplain
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

try:
    import numpy as np
except ModuleNotFoundError:
    sys.exit("numpy is missing; install everything with: pip install -r tests/bench/requirements.txt")

warnings.filterwarnings("ignore")
WANTED_ERROR = 0.01


class Game:
    """A game as voxplain wrote it, played on rows of zeros and ones."""

    def __init__(self, path: Path):
        said = json.loads(path.read_text())
        self.family, self.players = said["family"], said["players"]
        self.exact = np.array(said["exact"])
        ((kind, rule),) = said["rule"].items()
        self.play = getattr(self, kind)(rule)

    def __call__(self, rows) -> np.ndarray:
        return self.play(np.atleast_2d(np.asarray(rows, dtype=float)))

    def table(self, values):
        values, bits = np.array(values), 1 << np.arange(self.players)
        return lambda rows: values[(rows.astype(int) * bits).sum(1)]

    def unanimity(self, groups):
        return lambda rows: sum(value * rows[:, members].all(1) for members, value in groups)

    def local(self, rule):
        def response(rows, r):
            present = rows[:, r["members"]] @ np.array(r["weights"])
            return r["height"] / (1 + np.exp(-r["steepness"] * (present - r["threshold"])))

        return lambda rows: sum(response(rows, r) for r in rule["responses"])

    def dice(self, rule):
        def response(rows):
            x = rows @ np.array(rule["weights"]) / rule["total"]
            return rule["height"] * (2 * x / (1 + x) + 0.15 * np.sin(6 * x))

        return response

    def mix(self, parts):
        local, dice = self.local(parts[0]), self.dice(parts[1])
        return lambda rows: local(rows) + dice(rows)


def play_shap(game: Game, budget: int, seed: int) -> np.ndarray:
    import shap

    logging.getLogger("shap").setLevel(logging.ERROR)
    np.random.seed(seed)
    explainer = shap.KernelExplainer(lambda rows: game(rows), np.zeros((1, game.players)))
    # Its own two evaluations of the ends are not in nsamples. A map needs all players,
    # so no selection of ten of them (l1_reg).
    values = explainer.shap_values(np.ones((1, game.players)), nsamples=budget - 2, l1_reg=0, silent=True)
    return np.asarray(values).reshape(-1)


def play_captum(game: Game, budget: int, seed: int) -> np.ndarray:
    import torch
    from captum.attr import KernelShap

    torch.manual_seed(seed)
    np.random.seed(seed)
    explainer = KernelShap(lambda rows: torch.from_numpy(game(rows.numpy())))
    ones = torch.ones(1, game.players)
    values = explainer.attribute(
        ones, baselines=torch.zeros_like(ones), n_samples=budget, perturbations_per_eval=256
    )
    return values.numpy().reshape(-1).astype(float)


def shapiq_player(name: str, **options):
    def play(game: Game, budget: int, seed: int) -> np.ndarray:
        import shapiq.approximator

        approximator = getattr(shapiq.approximator, name)(n=game.players, random_state=seed, **options)
        found = approximator.approximate(budget, lambda rows: game(rows))
        values = np.zeros(game.players)
        for members, value in found.dict_values.items():
            if len(members) == 1:
                values[members[0]] = value
        return values

    return play


PEERS = {
    "shap KernelExplainer": ("shap", play_shap),
    "captum KernelShap": ("captum", play_captum),
    "shapiq KernelSHAP paired": ("shapiq", shapiq_player("KernelSHAP", pairing_trick=True)),
    "shapiq PermutationSamplingSV": ("shapiq", shapiq_player("PermutationSamplingSV")),
}


def available(names: list[str]) -> list[str]:
    import importlib.metadata

    there, why = {}, {}
    for package in {PEERS[name][0] for name in names}:
        try:
            importlib.import_module(package)
            there[package] = importlib.metadata.version(package)
        except Exception as error:  # A broken install is as good as none.
            why[package] = str(error).splitlines()[0]
    for package, reason in why.items():
        print(f"{package} is left out: {reason}; install it with pip install {package}")
    print("peers: " + ", ".join(f"{package} {version}" for package, version in there.items()))
    return [name for name in names if PEERS[name][0] in there]


def needed(budgets: list[int], errors: list[float]) -> float | None:
    """Evaluations for the wanted error, between budgets in logarithms."""
    if errors[0] <= WANTED_ERROR:
        return budgets[0]
    for (n0, e0), (n1, e1) in zip(zip(budgets, errors), list(zip(budgets, errors))[1:]):
        if e0 > WANTED_ERROR >= e1:
            share = math.log(e0 / WANTED_ERROR) / math.log(e0 / e1)
            return n0 * (n1 / n0) ** share
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxplain", default="target/release/voxplain")
    parser.add_argument("--players", default="12,50")
    parser.add_argument("--budgets", default="2,3,5,10,20,40", help="multiples of the players")
    parser.add_argument("--games", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--results", type=Path, help="writes all rows as JSON")
    arguments = parser.parse_args()
    multiples = [float(multiple) for multiple in arguments.budgets.split(",")]

    folder = Path(tempfile.mkdtemp(prefix="voxplain-games-"))
    command = [arguments.voxplain, "bench", "shapley", "--json", "--export", str(folder)]
    command += ["--players", arguments.players, "--games", str(arguments.games)]
    command += ["--repetitions", str(arguments.repetitions)]
    command += ["--budgets", ",".join(f"{multiple:g}M" for multiple in multiples)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit((finished.stderr.strip().splitlines() or ["nothing was said"])[-1])
    rows = [
        (row["family"], row["players"], "voxplain " + row["method"], row["evaluations"],
         row["median_relative_squared_error"])
        for row in json.loads(finished.stdout)["rows"]
    ]

    groups: dict[tuple[str, int], list[Game]] = {}
    for path in sorted(folder.glob("*.json")):
        game = Game(path)
        groups.setdefault((game.family, game.players), []).append(game)
    for name in available(arguments.peers.split(",")):
        for (family, players), games in groups.items():
            budgets, errors = [round(multiple * players) for multiple in multiples], []
            for budget in budgets:
                found = []
                for index, game in enumerate(games):
                    for repetition in range(arguments.repetitions):
                        seed = 7919 * repetition + 31 * index + budget
                        values = PEERS[name][1](game, budget, seed)
                        found.append(((values - game.exact) ** 2).sum() / (game.exact**2).sum())
                errors.append(float(statistics.median(found)))
            rows.append((family, players, name, budgets, errors))

    head = "".join(f"{multiple:g}M".rjust(10) for multiple in multiples)
    print(f"\n{'game':<10}{'players':>8}  {'method':<29}{head}  runs for {WANTED_ERROR}")
    with_shap = any(row[2] == "shap KernelExplainer" for row in rows)
    for family, players in groups:
        of_group = [row for row in rows if row[:2] == (family, players)]
        kernel = next((needed(*row[3:]) for row in of_group if row[2] == "shap KernelExplainer"), None)
        for _, _, name, budgets, errors in of_group:
            runs = needed(budgets, errors)
            text = "not reached" if runs is None else f"{runs:.0f} ({runs / players:.1f}M)"
            if runs and kernel and name.startswith("voxplain"):
                text += f", shap takes {kernel / runs:.1f} times as many"
            elif runs and with_shap and name.startswith("voxplain"):
                text += f", shap more than {budgets[-1] / runs:.1f} times as many"
            print(f"{family:<10}{players:>8}  {name:<29}" + "".join(f"{e:10.1e}" for e in errors) + "  " + text)
    if arguments.results:
        keys = ["family", "players", "method", "evaluations", "median_relative_squared_error"]
        arguments.results.write_text(json.dumps([dict(zip(keys, row)) for row in rows], indent=1))


if __name__ == "__main__":
    main()
