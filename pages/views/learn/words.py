"""Numbers as the lesson writes them in LaTeX and in sentences."""

from __future__ import annotations

import math

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tex(value: float, digits: int = 2) -> str:
    """A number in a formula: fixed digits, powers of ten when very large or very small, no −0."""
    if not math.isfinite(value):
        return r"\infty" if value > 0 else r"-\infty" if value < 0 else r"\text{not a number}"
    if value and not 10.0**-digits / 2 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)))
        return rf"{value / 10.0**power:.1f} \cdot 10^{{{power}}}"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def factor(value: float, digits: int = 2) -> str:
    """A number inside a product or a sum: in brackets when negative."""
    text = tex(value, digits)
    return f"({text})" if text.startswith("-") else text


def as_text(value: float, digits: int = 2) -> str:
    """A number in a sentence: as `tex`, with a true minus sign and raised powers of ten."""
    if not math.isfinite(value):
        return "not a number"
    number, _, power = tex(value, digits).partition(r" \cdot 10^{")
    raised = f" × 10{power.rstrip('}').translate(RAISED)}" if power else ""
    return number.replace("-", "−") + raised
