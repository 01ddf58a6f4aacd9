"""Drawings in SVG that the page's diagram component shows: neurons, edges, numbers on them.

A drawing is written in the colours for a light page (see template.py); the component exchanges
them on a dark one. Text takes its colour from the page.
"""

from __future__ import annotations

import html
import math
from pathlib import Path

from mnist_core.figures.shared import SHARED_JS
from mnist_core.figures.template import GROUND, LIGHT, QUIET, THEME_JS
from mnist_core.figures.tips import TIPS_CSS, TIPS_JS


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


DIAGRAM_JS: str = THEME_JS + SHARED_JS + TIPS_JS + _read("diagram.js")
PANELS_JS: str = SHARED_JS + TIPS_JS + _read("panels.js")
DIAGRAM_CSS = (
    TIPS_CSS
    + """
.diagram svg { display: block; width: 100%; height: auto; margin: 0 auto; overflow: visible;
  font-family: var(--st-font); }
.diagram text { fill: var(--st-text-color); font-size: 15px; pointer-events: none; }
.diagram .quiet { opacity: 0.72; }
.diagram .strong { font-weight: 700; }
.diagram .small { font-size: 13px; }
.diagram .math { font-family: "KaTeX_Main", "Times New Roman", serif; font-size: 17px; }
.diagram .math .letter { font-family: "KaTeX_Math", "Times New Roman", serif; font-style: italic; }
.diagram [data-growing] { transform-box: fill-box; }
.diagram [role="button"] { cursor: pointer; }
.diagram [role="button"]:hover .body, .diagram [tabindex]:focus-visible .body { stroke-width: 4px; }
.diagram [tabindex] { outline: none; }
.diagram .on > .body, .diagram .on .body { stroke: var(--chosen); stroke-width: 4px; }
.diagram line[data-of] { stroke-opacity: 0.28; }
.diagram.edges line[data-of] { stroke-opacity: 0.1; }
.diagram.edges line.on { stroke-opacity: 0.95; }
.diagram path.on { fill-opacity: 0.25; }
.diagram line[data-tip]:hover { stroke-opacity: 1; }
.diagram [data-pulse] { pointer-events: none; }
"""
)

POSITIVE, NEGATIVE = LIGHT[0], LIGHT[1]
"""Blue for what is above zero, orange for what is below, in every figure of the app."""


def svg(width: float, height: float, *parts: str, largest: float | None = None) -> str:
    """The drawing; it fills its column up to `largest` pixels (as wide as it is drawn)."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width: var(--diagram-width, {largest or width:g}px); '
        f'max-height: var(--diagram-height, none)">{"".join(parts)}</svg>'
    )


def words(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> str:
    """Text whose middle is at height `y`; `kind` is a class: quiet, strong, math.

    In mathematics "_1" and "^2" lower or raise what follows.
    """
    inner = _math(text) if "math" in kind else html.escape(text)
    return (
        f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}" '
        f'dominant-baseline="central">{inner}</text>'
    )


def _math(text: str) -> str:
    parts, at = [], 0
    while at < len(text):
        if text[at] in "_^" and at + 1 < len(text):
            shift = 5 if text[at] == "_" else -6
            parts.append(
                f'<tspan dy="{shift}" font-size="72%">{html.escape(text[at + 1])}</tspan>'
                f'<tspan dy="{-shift}">&#8203;</tspan>'
            )
            at += 2
        elif text[at].isalpha():
            parts.append(f'<tspan class="letter">{text[at]}</tspan>')
            at += 1
        else:
            parts.append(html.escape(text[at]))
            at += 1
    return "".join(parts)


def sign_colour(value: float) -> str:
    """Blue above zero, orange below, grey at zero."""
    return QUIET if value == 0 else POSITIVE if value > 0 else NEGATIVE


def edge(
    start: tuple[float, float],
    end: tuple[float, float],
    value: float,
    *,
    scale: float = 1.0,
    opacity: float = 1.0,
    told: str = "",
) -> str:
    """A line as thick as |value| and coloured by its sign; `scale` is the thickest's value.

    `told` is further attributes, such as its explanation (`tips.tip`).
    """
    width = 1 + 6 * min(abs(value) / scale, 1)
    dash = ' stroke-dasharray="3 5"' if value == 0 else ""
    return (
        f'<line {told} x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
        f'stroke="{sign_colour(value)}" stroke-width="{width:.1f}" stroke-opacity="{opacity:g}" '
        f'stroke-linecap="round"{dash}/>'
    )


def node(
    x: float, y: float, radius: float, value: float = 0.0, *, scale: float = 1.0, ring: str = QUIET
) -> str:
    """A circle, filled by its value: blue above zero, orange below; a coloured ring is thick."""
    share = 0.5 * min(abs(value) / scale, 1)
    width = 2 if ring == QUIET else 4
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{GROUND}"/>'
        f'<circle class="body" cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{sign_colour(value)}" '
        f'fill-opacity="{share:.2f}" stroke="{ring}" stroke-width="{width}"/>'
    )


def plate(x: float, y: float, width: float, height: float) -> str:
    """A ground for a label that lies on a line."""
    return (
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" '
        f'height="{height:g}" rx="5" fill="{GROUND}" fill-opacity="0.92" pointer-events="none"/>'
    )


def since(step: float, *parts: str) -> str:
    """Parts that are seen from a step of the clock on."""
    return f'<g data-since="{step:g}">{"".join(parts)}</g>'


def until(step: float, *parts: str) -> str:
    """Parts that are seen before a step of the clock, and not at the end."""
    return f'<g data-until="{step:g}" style="opacity: 0">{"".join(parts)}</g>'


def pulse(
    start: tuple[float, float],
    end: tuple[float, float],
    step: int,
    value: float,
    *,
    scale: float = 1.0,
    colour: str = "",
) -> str:
    """A dot that is on its way in the step before `step`: as large as |value|, in its colour."""
    radius = 2 + 5 * min(abs(value) / scale, 1) if scale else 2
    return (
        f'<circle data-pulse="{step}" data-way="{end[0] - start[0]:g} {end[1] - start[1]:g}" '
        f'style="display: none" cx="{start[0]:g}" cy="{start[1]:g}" r="{radius:.1f}" '
        f'fill="{colour or sign_colour(value)}"/>'
    )


def growing(step: int, part: str) -> str:
    """A part that grows from its left end in the step before `step`."""
    return f'<g data-growing="{step}">{part}</g>'


def between(
    start: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[float, float]:
    """The point that lies at `share` of the way from start to end."""
    return (
        start[0] + share * (end[0] - start[0]),
        start[1] + share * (end[1] - start[1]),
    )


def number(value: float, digits: int = 2) -> str:
    """A number as the lesson writes it: fixed digits, a true minus sign, no −0.

    >>> number(-0.5), number(-0.001)
    ('−0.50', '0.00')
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "not a number"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.replace("-", "")
    return text.replace("-", "−")
