"""Accuracy on handwriting that no training image resembles by construction.

With `--strokes FILE`, pen strokes (JSON lines with `label` and `strokes`, [[[x, y], …], …] in a
unit square, y downward) are drawn on a 280×280 canvas at each of four pen widths in each of
three sizes and places, and read by the default model. Without, MNIST's test digits are pasted
onto canvases in the same places. `--sheet FILE` draws the cases that are read wrong, those wrong
at most widths and places first: the drawing, what the network saw, the digit and what was read.
`--without FILE` leaves out the writers of another file, from whom the model has learned.

Then scribbles, shapes, letters and the like: how many of them, and of the digits, does the page
call no digit? `shown` is the share of digits that are read right and shown.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from benchmarks._scribbles import no_digits
from benchmarks._shapes import drawn_shapes
from mnist_core import load_default_model
from mnist_core.data import mnist
from mnist_core.drawing.not_a_digit import DOUBTFUL, doubt
from mnist_core.drawing.predict import predict
from mnist_core.drawing.preprocessing import prepare

SUMMARY = "accuracy on drawn digits: per pen width, place and digit"
SIDE = 280
WIDTHS = (8, 14, 20, 28)
# Longer side of the digit (of the pen's path, for strokes), and the middle of its box.
PLACES = {"large": (200, 140, 140), "medium": (130, 170, 120), "corner": (84, 66, 66)}
ZOOM = 2  # strokes are drawn larger and averaged: smooth edges as in a browser
BATCH = 1000
THUMBNAIL, COLUMNS = 84, 6
NO_DIGITS, SHAPES = 300, 40  # of each kind

Strokes = list[list[list[float]]]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Case:
    """One drawing: the `index` of its digit, what it is, and how it was drawn."""

    index: int
    label: int
    width: int | None
    place: str
    image: Picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--strokes", type=Path, metavar="FILE", help="pen strokes, JSON lines")
    parser.add_argument("--without", type=Path, metavar="FILE", help="whose writers are left out")
    parser.add_argument("--limit", type=int, default=1000, help="how many digits (%(default)s)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw the wrong cases (PNG)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Print the tables and return the same shares."""
    cases = pasted_cases(args.limit)
    if args.strokes:
        cases = drawn_cases(chosen_digits(args.strokes, args.without, args.limit))
    model = load_default_model()
    facts, wrong, doubts = [], [], []
    shown = 0
    seconds = 0.0
    for part in batches(cases):
        started = time.perf_counter()
        images = np.stack([prepare(case.image).image28 for case in part])
        seconds += time.perf_counter() - started
        read = predict(model, images).argmax(1)
        doubts.append(doubt(images))
        right = read == [case.label for case in part]
        shown += int((right & (doubts[-1] <= DOUBTFUL)).sum())
        for case, image, digit in zip(part, images, read.tolist(), strict=True):
            facts.append((case.width, case.place, case.label, digit == case.label))
            if digit != case.label:
                wrong.append((case, image, digit))
    result = summary(facts) | {
        "shown": round(shown / len(facts), 5),
        "milliseconds": round(1000 * seconds / len(facts), 2),
        "not_a_digit": {"digits": doubted(np.concatenate(doubts))}
        | {kind: doubted(doubt(images)) for kind, images in prepared_others().items()},
    }
    show(result)
    if args.sheet:
        sheet(wrong).save(args.sheet)
        print(f"\nthe {len(wrong)} wrong readings: {args.sheet}")
    return result


def prepared_others() -> dict[str, npt.NDArray[np.float32]]:
    """The images [n, 28, 28] of each kind of drawing that is no digit."""
    return {
        kind: np.stack([prepare(image).image28 for image in images])
        for kind, images in (no_digits(NO_DIGITS) | drawn_shapes(SHAPES)).items()
    }


def doubted(doubts: npt.NDArray[np.float32]) -> float:
    """The share that is called no digit."""
    return round(float((doubts > DOUBTFUL).mean()), 5)


def chosen_digits(file: Path, without: Path | None, limit: int) -> list[dict[str, Any]]:
    """The file's digits, but for those of the writers whom `without` holds."""
    digits = [json.loads(line) for line in file.read_text().splitlines()]
    known: set[str] = set()
    if without is not None:
        known = {json.loads(line)["writer"] for line in without.read_text().splitlines()}
    return [digit for digit in digits if digit.get("writer") not in known][:limit]


def drawn_cases(digits: list[dict[str, Any]]) -> Iterator[Case]:
    """Each digit at each width in each place."""
    for index, digit in enumerate(digits):
        for width in WIDTHS:
            for place in PLACES:
                image = draw(digit["strokes"], width, place)
                yield Case(index, int(digit["label"]), width, place, image)


def pasted_cases(limit: int) -> Iterator[Case]:
    """MNIST's first test digits, enlarged, in each place."""
    data = mnist.load()
    for index, (image, label) in enumerate(
        zip(data.x_test[:limit], data.y_test[:limit].tolist(), strict=True)
    ):
        for place, (size, x, y) in PLACES.items():
            enlarged = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
            canvas = Image.new("L", (SIDE, SIDE))
            canvas.paste(enlarged, (x - size // 2, y - size // 2))
            yield Case(index, label, None, place, 255 - np.asarray(canvas))


def draw(strokes: Strokes, width: int, place: str) -> Picture:
    """Strokes drawn with a round pen, black on white, uint8 [280, 280]."""
    size, *middle = PLACES[place]
    points = np.array([point for stroke in strokes for point in stroke])
    low, high = points.min(0), points.max(0)
    scale = ZOOM * size / max(float((high - low).max()), 1e-6)
    radius = ZOOM * width / 2
    canvas = Image.new("L", (ZOOM * SIDE, ZOOM * SIDE), 255)
    pen = ImageDraw.Draw(canvas)
    for stroke in strokes:
        path = (np.array(stroke) - (low + high) / 2) * scale + ZOOM * np.array(middle)
        corners = [(float(x), float(y)) for x, y in path]
        pen.line(corners, fill=0, width=ZOOM * width)
        for x, y in corners:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    return np.asarray(canvas.reduce(ZOOM))


def batches(cases: Iterator[Case]) -> Iterator[list[Case]]:
    """The cases, BATCH at a time."""
    part: list[Case] = []
    for case in cases:
        part.append(case)
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


def summary(facts: list[tuple[int | None, str, int, bool]]) -> dict[str, Any]:
    """Shares read right: of all, per width, place, both, and digit."""

    def share(**wanted: Any) -> float:
        names = ("width", "place", "digit")
        right = [f[3] for f in facts if all(f[names.index(k)] == v for k, v in wanted.items())]
        return round(sum(right) / len(right), 5) if right else float("nan")

    widths = [width for width in WIDTHS if any(fact[0] == width for fact in facts)]
    digits = sorted({fact[2] for fact in facts})
    return {
        "drawings": len(facts),
        "accuracy": share(),
        "by_width": {str(width): share(width=width) for width in widths},
        "by_place": {place: share(place=place) for place in PLACES},
        "by_width_and_place": {
            str(width): {place: share(width=width, place=place) for place in PLACES}
            for width in widths
        },
        "by_digit": {str(digit): share(digit=digit) for digit in digits},
    }


def show(result: dict[str, Any]) -> None:
    """Print the shares as tables."""
    print(f"{result['drawings']:,} drawings, {result['milliseconds']} ms each to prepare")
    print(f"read right: {result['accuracy']:.2%}; and shown: {result['shown']:.2%}\n")
    heads = "".join(f"{place:>10}" for place in PLACES)
    print(f"{'pen':>6}{heads}{'all':>10}")
    for width, places in result["by_width_and_place"].items():
        row = "".join(f"{places[place]:>10.2%}" for place in PLACES)
        print(f"{width:>6}{row}{result['by_width'][width]:>10.2%}")
    row = "".join(f"{result['by_place'][place]:>10.2%}" for place in PLACES)
    print(f"{'all':>6}{row}{result['accuracy']:>10.2%}\n")
    print(" digit" + "".join(f"{digit:>8}" for digit in result["by_digit"]))
    print("      " + "".join(f"{share:>8.1%}" for share in result["by_digit"].values()))
    print("\ncalled no digit:")
    for kind, share in result["not_a_digit"].items():
        print(f"{kind:>14}{share:>10.2%}")


def sheet(wrong: list[tuple[Case, npt.NDArray[np.float32], int]]) -> Image.Image:
    """One cell for each digit that was read wrong somewhere, the worst first."""
    by_digit: dict[int, list[tuple[Case, npt.NDArray[np.float32], int]]] = {}
    for item in wrong:
        by_digit.setdefault(item[0].index, []).append(item)
    worst = sorted(by_digit.values(), key=len, reverse=True)
    wide, high = 2 * THUMBNAIL + 8, THUMBNAIL + 20
    rows = max(1, -(-len(worst) // COLUMNS))
    page = Image.new("L", (COLUMNS * wide, rows * high), 128)
    pen = ImageDraw.Draw(page)
    for number, items in enumerate(worst):
        case, image, digit = items[0]
        x, y = number % COLUMNS * wide, number // COLUMNS * high
        size = (THUMBNAIL, THUMBNAIL)
        seen = Image.fromarray(np.round(image * 255).astype(np.uint8))
        page.paste(Image.fromarray(case.image).resize(size), (x, y))
        page.paste(seen.resize(size, Image.Resampling.NEAREST), (x + THUMBNAIL, y))
        text = f"{case.label} read as {digit}, {len(items)} times"
        pen.text((x + 2, y + THUMBNAIL + 3), text, fill=255)
    return page
