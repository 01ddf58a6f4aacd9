"""One value's arithmetic as HTML tables: inputs times weights, their sum, the activation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mnist_core.inspection.arithmetic import Arithmetic, softmax

Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

# How many channels are written out, by the widest patch for which that holds, and how many inputs
# of a dense neuron; the others are summed up. The sum is to stand on the screen of its pixel.
CHANNELS, INPUTS = {3: 2, 7: 1}, 8
# From this width on a patch is written with smaller numbers of two decimals.
WIDE = 4
# e^z is written out for logits up to here.
LARGEST_EXPONENT = 100

STYLE = """
<style>
.sum { display: flex; flex-wrap: wrap; gap: 0.3rem 0.4rem; align-items: center;
  font-variant-numeric: tabular-nums; margin-bottom: 0.4rem; line-height: 1.25; }
.sum table { border-collapse: separate; border-spacing: 2px; width: auto; }
.sum td, .sum th { border: none; padding: 0.1rem 0.15rem; text-align: right; min-width: 2.35rem;
  border-radius: 0.2rem; font-size: 0.8rem; font-weight: 400; }
.sum .wide td { font-size: 0.68rem; min-width: 1.6rem; padding: 0.1rem 0; }
.sum .end { padding: 0.2rem 0.5rem; border: 1px solid rgba(128,140,155,0.55);
  border-radius: 0.4rem; white-space: nowrap; }
.sum .end small { display: block; font-size: 0.8rem; opacity: 0.8; }
.sum .end.last { border-width: 2px; font-weight: 700; }
.sum td.padding { opacity: 0.55; font-style: italic; }
.sum td.chosen { outline: 2px solid currentColor; }
.sum .sign { font-size: 1.2rem; }
.sum .next { display: inline-flex; gap: 0.4rem; align-items: center; }
.sum .name { text-align: left; opacity: 0.8; }
.sum figure { margin: 0; } .sum figcaption { font-size: 0.8rem; opacity: 0.8; }
</style>
"""


def arithmetic_html(found: Arithmetic, after: Arithmetic | None = None) -> str:
    """The tables for one value: patches for images, a list of products for dense layers.

    Below stand their sum, the bias, and with `after`, the value that the activation makes of it,
    that as well.
    """
    if found.layer.kind in ("max_pool", "average_pool"):
        chosen = None
        if found.layer.kind == "max_pool":
            inside = found.inputs if found.inside is None else _masked(found.inputs, found.inside)
            chosen = int(np.nanargmax(inside))
        patch = found.inputs.reshape(found.inputs.shape[:2])
        return _tables(_patch(patch, "inputs", found.inside, chosen))
    if found.layer.kind == "softmax":
        return _softmax(found)
    if found.products is None or found.weights is None:
        return ""
    if found.products.ndim == 3:
        return _patches(found) + _end(found, after)
    table = _list(found.inputs.ravel(), found.weights.ravel(), found.products.ravel())
    return table + _end(found, after)


def all_written(shape: tuple[int, ...]) -> bool:
    """True when the tables write out every product of an array of this shape."""
    if len(shape) == 3:
        return shape[2] <= _channels_written(max(shape[:2]))
    return math.prod(shape) <= INPUTS


def _channels_written(side: int) -> int:
    """The number of channels of patches this wide that are written out."""
    return next((count for widest, count in CHANNELS.items() if side <= widest), 0)


def _masked(values: Array, inside: Flags) -> Array:
    return np.where(inside.reshape(inside.shape + (1,) * (values.ndim - 2)), values, np.nan)


def _patches(found: Arithmetic) -> str:
    """Patch × kernel = products, for the input channels that count most."""
    assert found.products is not None and found.weights is not None
    totals = found.products.sum((0, 1))
    order = np.argsort(-np.abs(totals), kind="stable")
    written = order[: _channels_written(max(found.products.shape[:2]))]
    rows = []
    for channel in written:
        name = f"channel {channel}" if len(totals) > 1 else "patch"
        if found.inside is not None and not found.inside.all():
            name += " (pale: padding)"
        rows.append(
            _tables(
                _patch(found.inputs[..., channel], name, found.inside),
                _next("×", _patch(found.weights[..., channel], "kernel")),
                _next("=", _patch(found.products[..., channel], "products")),
                _next("→", f"<span>{_number(totals[channel])}</span>"),
            )
        )
    rest = len(totals) - len(written)
    if rest:
        others = float(totals.sum() - totals[written].sum())
        what = f"the other {rest} channels" if len(written) else f"all {rest} channels"
        rows.append(f'<div class="sum"><span class="name">{what} together: '
                    f"{_number(others)}</span></div>")  # fmt: skip
    return STYLE + "".join(rows)


def _list(inputs: Array, weights: Array, products: Array) -> str:
    """The largest products of a neuron, and the sum of all others."""
    order = np.argsort(-np.abs(products), kind="stable")
    scale = float(np.abs(products).max()) or 1.0
    rows = [
        f'<tr><th class="name">input {index}</th><td>{_number(inputs[index])}</td><td>×</td>'
        f"<td>{_number(weights[index])}</td><td>=</td>"
        f'<td style="{_shade(products[index] / scale)}">{_number(products[index])}</td></tr>'
        for index in order[:INPUTS]
    ]
    rest = products[order[INPUTS:]]
    if len(rest):
        rows.append(
            f'<tr><th class="name" colspan="5">the other {len(rest):,} together</th>'
            f"<td>{_number(float(rest.sum()))}</td></tr>"
        )
    return STYLE + f'<div class="sum"><table>{"".join(rows)}</table></div>'


def _end(found: Arithmetic, after: Arithmetic | None) -> str:
    """All products together, plus the bias, and through the activation."""
    assert found.products is not None and found.bias is not None
    steps = [
        ("all products", float(found.products.sum(dtype=np.float64))),
        ("bias", found.bias),
        ("sum", found.value),
    ]
    if after is not None:
        steps.append((after.layer.activation or after.layer.kind, after.value))
    boxes = [
        f'<span class="end{" last" if place == len(steps) - 1 else ""}"><small>{name}</small>'
        f"{_number(value, 4)}</span>"
        for place, (name, value) in enumerate(steps)
    ]
    signs = ("+", "=", "→")
    line = boxes[0] + "".join(
        _next(sign, box) for sign, box in zip(signs[: len(boxes) - 1], boxes[1:], strict=True)
    )
    return f'<div class="sum">{line}</div>'


def _softmax(found: Arithmetic) -> str:
    """Each logit, its power of e, and its share of all powers; the asked one stands out."""
    logits = [float(logit) for logit in found.inputs.ravel()]
    shares = softmax(found.inputs)
    powers = max(abs(logit) for logit in logits) <= LARGEST_EXPONENT
    rows = []
    for index, (logit, share) in enumerate(zip(logits, shares, strict=True)):
        power = f"<td>{math.exp(logit):.4g}</td>".replace("-", "−") if powers else ""
        mark = ' class="chosen"' if index == found.unit[0] else ""
        rows.append(f'<tr><th class="name">{index}</th><td>{_number(logit)}</td>{power}'
                    f'<td{mark} style="{_shade(float(share))}">{share:.4%}</td></tr>')  # fmt: skip
    heads = ["", "logit z", *(["e<sup>z</sup>"] if powers else []), "its share of all"]
    head = "".join(f"<th>{name}</th>" for name in heads)
    return STYLE + f'<div class="sum"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _tables(*parts: str) -> str:
    return STYLE + f'<div class="sum">{"".join(parts)}</div>'


def _next(sign: str, part: str) -> str:
    """A sign and what it leads to: they stay together where a line is broken."""
    return f'<span class="next"><span class="sign">{sign}</span>{part}</span>'


def _patch(
    values: Array,
    name: str,
    inside: Flags | None = None,
    chosen: int | None = None,
) -> str:
    scale, wide = float(np.abs(values).max()) or 1.0, values.shape[1] >= WIDE
    rows = []
    for row in range(values.shape[0]):
        cells = []
        for column in range(values.shape[1]):
            kinds = []
            if inside is not None and not inside[row, column]:
                kinds.append("padding")
            if chosen == row * values.shape[1] + column:
                kinds.append("chosen")
            value = values[row, column]
            cells.append(f'<td class="{" ".join(kinds)}" style="{_shade(value / scale)}">'
                         f"{_number(value, 2 if wide else 3)}</td>")  # fmt: skip
        rows.append(f"<tr>{''.join(cells)}</tr>")
    table = f"<table class={'wide' if wide else 'usual'}>{''.join(rows)}</table>"
    return f"<figure><figcaption>{name}</figcaption>{table}</figure>"


def _shade(share: float) -> str:
    """A ground of blue for positive and orange for negative shares of the largest value."""
    red, green, blue = (11, 111, 194) if share >= 0 else (217, 96, 10)
    return f"background: rgba({red},{green},{blue},{0.42 * min(abs(share), 1):.2f})"


def _number(value: float, digits: int = 3) -> str:
    small = 0 < abs(value) < 0.5 * 10**-digits
    if small and abs(value) >= 1e-5:
        text = f"{float(f'{value:.1g}'):.5f}".rstrip("0")
    else:
        text = f"{value:.0e}" if small else f"{value + 0.0:.{digits}f}"  # + 0.0: no "−0.000"
    return text.replace("-", "−")
