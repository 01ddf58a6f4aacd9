"""Numbers in tables, each on a ground of its sign's colour, in HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mnist_core.figures.diagram import number

Floats = npt.NDArray[np.float64]

TABLES_CSS = """
.tables { display: flex; flex-wrap: wrap; gap: 0.5rem 0.6rem; align-items: center;
  font-variant-numeric: tabular-nums; }
.tables figure { margin: 0; max-width: 100%; overflow-x: auto; }
.tables figcaption { font-size: 0.9rem; opacity: 0.8; padding-bottom: 0.15rem; }
.tables table { border-collapse: separate; border-spacing: 2px; width: auto; margin: 0; }
.tables td, .tables th { border: none; border-radius: 0.2rem; padding: 0.14rem 0.34rem;
  text-align: right; font-size: 0.92rem; line-height: 1.35; font-weight: 400; min-width: 2.5rem; }
.tables th { text-align: left; opacity: 0.85; }
.tables tr.total td, .tables tr.total th { border-top: 2px solid rgba(128,140,155,0.6);
  font-weight: 700; opacity: 1; }
.tables td.chosen { outline: 2px solid currentColor; }
.tables figure.close td { min-width: 1.35rem; padding: 0.08rem 0.1rem; font-size: 0.78rem;
  line-height: 1.25; }
.tables figure.close table { border-spacing: 1px; }
.tables .sign { font-size: 1.4rem; }
"""


def tables(*parts: str) -> str:
    """Tables and signs side by side; TABLES_CSS is their style sheet."""
    return f'<div class="tables">{"".join(parts)}</div>'


def sign(text: str) -> str:
    """A sign between two tables."""
    return f'<span class="sign">{html.escape(text)}</span>'


def grid(
    values: Floats, caption: str, *, digits: int = 2, chosen: tuple[int, int] | None = None
) -> str:
    """Numbers [rows, columns] as they lie in an image; with one digit they stand close."""
    scale = float(np.abs(values).max()) or 1.0
    rows = []
    for row, line in enumerate(values):
        cells = (
            f'<td class="{"chosen" if (row, column) == chosen else ""}" '
            f'style="{shade(float(value) / scale)}">{number(float(value), digits)}</td>'
            for column, value in enumerate(line)
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _figure(caption, "".join(rows), close=digits < 2)


def rows_table(
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[float]]],
    caption: str = "",
    *,
    digits: int = 2,
    total: tuple[str, float] | None = None,
) -> str:
    """A line for each of `rows`: its name and its numbers, the last of them shaded."""
    scale = max((abs(numbers[-1]) for _, numbers in rows), default=0) or 1.0
    lines = []
    if any(heads):
        lines.append("<tr>" + "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>")
    for name, numbers in rows:
        cells = [f"<td>{number(value, digits)}</td>" for value in numbers[:-1]]
        cells.append(f'<td style="{shade(numbers[-1] / scale)}">{number(numbers[-1], digits)}</td>')
        lines.append(f"<tr><th>{html.escape(name)}</th>{''.join(cells)}</tr>")
    if total is not None:
        span = max((len(numbers) for _, numbers in rows), default=1)
        lines.append(
            f'<tr class="total"><th colspan="{span}">{html.escape(total[0])}</th>'
            f"<td>{number(total[1], digits)}</td></tr>"
        )
    return _figure(caption, "".join(lines))


def shade(share: float) -> str:
    """A ground of blue for positive and orange for negative shares of the largest value."""
    if not np.isfinite(share):
        return ""
    red, green, blue = (11, 111, 194) if share >= 0 else (217, 96, 10)
    return f"background: rgba({red},{green},{blue},{0.4 * min(abs(share), 1):.2f})"


def _figure(caption: str, rows: str, *, close: bool = False) -> str:
    head = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    kind = ' class="close"' if close else ""
    return f"<figure{kind}>{head}<table>{rows}</table></figure>"
