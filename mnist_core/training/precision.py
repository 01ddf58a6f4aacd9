"""The number format of a run: what this CPU computes fast without losing accuracy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mnist_core.experiment.spec import Experiment


def choose_precision(experiment: Experiment) -> str:
    """ "float32" or "bfloat16": what the experiment asks for; "auto" takes what is faster here.

    bfloat16 pays where convolutions dominate and the CPU multiplies bfloat16 in hardware; a
    dense network of this size spends its time elsewhere. Weights stay in float32 either way.
    """
    wanted = experiment.training.precision
    if wanted != "auto":
        return wanted
    convolutional = experiment.network.convolutional
    return "bfloat16" if convolutional and cpu_has_bfloat16() else "float32"


@cache
def cpu_has_bfloat16() -> bool:
    """True when the CPU's flags (Linux) name a bfloat16 multiplication unit."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags)
