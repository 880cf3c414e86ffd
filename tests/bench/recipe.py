"""Weights and inputs made up from a seed: the recipe "swinref-v1".

The same numbers, bit for bit, as src/model/recipe.rs: every tensor is drawn from its
name and the seed with integer arithmetic, and every value is exactly representable in
16-bit floating point, so no file has to be shared to compare networks.

    state     = fnv1a64(name) XOR (seed * 0x9E3779B97F4A7C15 mod 2^64)
    element i : k = (splitmix64_next(state) >> 53) - 1024, from -1024 to 1023

    any bias                        k * 2^-13
    relative position bias table    k * 2^-10
    weight of a norm                1 + (k >> 2) * 2^-10
    any other weight                k * 2^-p, p = round(log2(591.2 * sqrt(fan_in)))
    input (named "input")           k * 2^-10
"""

from __future__ import annotations

import math

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def fnv1a64(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def draw(name: str, seed: int, count: int) -> np.ndarray:
    """The first `count` integers k of a name and a seed."""
    state = fnv1a64(name) ^ ((seed * GOLDEN) & MASK)
    with np.errstate(over="ignore"):
        steps = np.arange(1, count + 1, dtype=np.uint64)
        z = np.uint64(state) + steps * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(53)).astype(np.int64) - 1024


def tensor(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """One weight, row-major float32."""
    k = draw(name, seed, math.prod(shape))
    module, _, leaf = ("." + name).rpartition(".")
    module = module.rpartition(".")[2]
    if leaf == "bias":
        values = k * 2.0**-13
    elif leaf == "relative_position_bias_table":
        values = k * 2.0**-10
    elif "norm" in module and leaf == "weight":
        values = 1.0 + (k >> 2) * 2.0**-10
    else:
        # Transposed convolutions hold (in, out, 2, 2, 2) and add up over `in` alone.
        fan_in = shape[0] if "transp_conv" in name else math.prod(shape[1:])
        values = k * 2.0 ** -round(math.log2(591.2 * math.sqrt(fan_in)))
    return values.astype(np.float32).reshape(shape)


def network_input(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """An input (batch, channels, depth, height, width) between -1 and 1."""
    values = draw("input", seed, math.prod(shape)) * 2.0**-10
    return values.astype(np.float32).reshape(shape)
