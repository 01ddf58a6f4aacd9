"""Which pixels speak for a digit and which against it, by four methods."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.base import computing
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import FloatArray, Weights
from mnist_core.inspection.gradients import grad_cam, integrated_gradients, saliency
from mnist_core.inspection.occlusion import occlusion


@dataclass(frozen=True, eq=False)
class Evidence:
    """Maps of one image, float32 [28, 28], each by the function of its name.

    `gap` is what the integrated gradients' sum lacks of the logit; `cam` is None for a network
    without convolutions.
    """

    occlusion: FloatArray
    saliency: FloatArray
    integrated: FloatArray
    gap: float
    cam: FloatArray | None


def evidence(network: NetworkSpec, weights: Weights, image: FloatArray, digit: int) -> Evidence:
    """All four for an image [28, 28] in [0, 1], in one call to where TensorFlow is.

    Raises WeightsError, ValueError and WorkFailed.
    """
    about = network, "evidence"
    found: Evidence = computing.run(
        _evidence, network, list(weights), image, digit, about=about, slow=True
    )
    return found


def _evidence(network: NetworkSpec, weights: Weights, image: FloatArray, digit: int) -> Evidence:
    given = network, weights, image, digit
    shares, gap = integrated_gradients(*given)
    return Evidence(occlusion(*given), saliency(*given), shares, gap, grad_cam(*given))
