"""The other side of `train`: plain Keras in a process of its own, driven over pipes.

Each line of standard input asks for one run; each line of standard output answers it, as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from mnist_core import Experiment
from mnist_core.data.mnist import load


def main() -> None:
    """Answer until standard input ends."""
    # TensorFlow writes to standard output at times: the answers get it for themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from benchmarks._plain_fit import fit_once

    dataset = load()
    for line in sys.stdin:
        question = json.loads(line)
        experiment = Experiment.parse(question["experiment"])
        result = fit_once(experiment, dataset, question["until"])
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
