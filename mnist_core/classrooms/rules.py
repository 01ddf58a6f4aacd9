"""Rules of a class's challenge, and whether a run keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.experiment.spec import MNIST, Experiment


@dataclass(frozen=True)
class Rules:
    """At most so many parameters, at most so many seconds of training; None: as many as you like.

    All train on MNIST where there is a rule: else their accuracies could not be compared.
    """

    most_parameters: int | None = None
    most_seconds: float | None = None

    def __bool__(self) -> bool:
        return self.most_parameters is not None or self.most_seconds is not None

    def words(self) -> str:
        """The rules as they are said: "at most 50,000 parameters, at most 20 s of training"."""
        parts = []
        if self.most_parameters is not None:
            parts.append(f"at most {self.most_parameters:,} parameters")
        if self.most_seconds is not None:
            parts.append(f"at most {self.most_seconds:g} s of training")
        return ", ".join(parts)

    def broken(self, experiment: Experiment, seconds: float = 0.0) -> str:
        """The reason against a run of `experiment` that took so long; "" when there is none."""
        if not self:
            return ""
        if experiment.data != MNIST:
            return "other images than MNIST’s"
        parameters = experiment.network.parameters
        if self.most_parameters is not None and parameters > self.most_parameters:
            return f"{parameters:,} parameters"
        if self.most_seconds is not None and seconds > self.most_seconds:
            return f"{seconds:,.1f} s of training"
        return ""
