"""The steps of a network's computation, described without Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mnist_core.experiment.layer import Shape
from mnist_core.experiment.layers import Activation
from mnist_core.experiment.shapes import layer_name
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.weights import layer_weights


@dataclass(frozen=True)
class ProbeLayer:
    """One step of the computation.

    A dense or convolution layer with an activation makes two: its sums ("conv_1") and what the
    activation made of them ("conv_1:relu"). `position` is the layer's index in the network's
    specification, one past the last for the output. `shape` is the output's without the batch
    axis. `weights` says which of the network's weights belong here. `spec` is the layer's value
    in `mnist_core.experiment.layers`; None for the output's sums ("logits") and the softmax
    ("probabilities").
    """

    name: str
    kind: str
    position: int
    shape: Shape
    weights: tuple[int, ...] = ()
    spec: Any = None

    @property
    def passes_through(self) -> bool:
        """True for a step that changes no value outside of training, such as flatten."""
        return bool(self.spec and self.spec.passes_through)

    @property
    def activation(self) -> str | None:
        """The activation's name where this step is one, else None."""
        if self.kind != "activation":
            return None
        return self.name.partition(":")[2] or str(self.spec.activation)


def probe_layers(network: NetworkSpec) -> tuple[ProbeLayer, ...]:
    """The steps from the first layer to the probabilities."""
    shapes = [row.output_shape for row in network.shapes()[1:]]
    weights = {row.position: row.indices for row in layer_weights(network)}
    found: list[ProbeLayer] = []
    for position, layer in enumerate(network.layers):
        name = layer_name(position, layer.kind)
        shape, own = shapes[position], weights.get(position, ())
        found.append(ProbeLayer(name, layer.kind, position, shape, own, layer))
        if (activation := activation_apart(layer)) is not None:
            name = f"{name}:{activation.activation}"
            found.append(ProbeLayer(name, "activation", position, shape, (), layer))
    output = len(network.layers)
    classes: Shape = (network.classes,)
    found.append(ProbeLayer("logits", "dense", output, classes, weights[output]))
    found.append(ProbeLayer("probabilities", "softmax", output, classes))
    return tuple(found)


def activation_apart(layer: Any) -> Activation | None:
    """The activation that is a step of its own, where the layer has one beside its sums."""
    activation = getattr(layer, "activation", "linear")
    if layer.kind == "activation" or activation == "linear":
        return None
    return Activation(activation=activation)
