"""One image of a digit, as the network receives it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import TEMPLATE


def digit_image(image28: npt.ArrayLike, *, height: int = 280) -> go.Figure:
    """Its pixels in grey, white strokes on black as in MNIST, and their values on hover.

    Args:
        image28: [28, 28] or [28, 28, 1], in [0, 1] or uint8 in 0…255.
        height: in pixels; the image keeps square pixels.

    Raises:
        ValueError: when it is no single image.
    """
    image = np.asarray(image28)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim != 2:
        raise ValueError(f"Expected one image, received an array of shape {image.shape}")
    top = 255 if image.dtype == np.uint8 else 1
    figure = go.Figure(
        go.Heatmap(
            z=image if image.dtype == np.uint8 else image.astype(np.float32),
            zmin=0,
            zmax=top,
            colorscale=[[0, "#000000"], [1, "#ffffff"]],
            showscale=False,
            zsmooth=False,
            hovertemplate="row %{y}, column %{x}: <b>%{z:.3~g}</b><extra></extra>",
        )
    )
    hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
    return figure.update_layout(
        template=TEMPLATE,
        height=height,
        uirevision="digit",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        dragmode=False,
        xaxis={**hidden, "range": [-0.5, image.shape[1] - 0.5]},
        yaxis={**hidden, "range": [image.shape[0] - 0.5, -0.5], "scaleanchor": "x"},
    )
