"""Share of pictures of numbers that the Photo view reads right.

Numbers are written with MNIST's test digits and, with `--strokes FILE`, with a pen's strokes (JSON
lines as in `drawing`, of whose writers `--without FILE` leaves out those of another file), in each
of the kinds of `_photo_kinds.py`: screenshots, rows cut out close, lines under and through numbers,
rings, boxes, grids, torn strokes, photos. A picture counts when all its digits are read, in order,
and nothing else; "?" stands for what is no digit. The second figure leaves out the pictures in
which some digit is misread even when it stands alone: it tells of the finding of digits, the first
one of finding and reading. The third is the share of single digits read in their place, which is
fairer to pages of many. `--sheet FILE` draws those read wrong.
"""

from __future__ import annotations

import argparse
import io
import itertools
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks._photo_kinds import KINDS, Case, Hand, Random, cases
from benchmarks.drawing import chosen_digits
from mnist_core.data import mnist
from mnist_core.drawing.photo import find_in_picture
from mnist_core.drawing.picture_decoder import decode
from mnist_core.drawing.preprocessing import prepare
from mnist_core.drawing.reader import readings
from mnist_core.drawing.training_strokes import Strokes

SUMMARY = "share of pictures of numbers read right: screenshots, lines, boxes, grids, photos"
# Width of the pen as a share of a digit's height.
PEN = (0.06, 0.14)
ZOOM = 3
MOST_PEN_DIGITS = 100_000
CELL, COLUMNS = (300, 190), 4


@dataclass(frozen=True)
class Outcome:
    """How a picture was read: whether wholly right, of legible digits, and its digits in place."""

    right: bool
    legible: bool
    digits: int
    digits_right: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--strokes", type=Path, metavar="FILE", help="pen strokes, JSON lines")
    parser.add_argument("--without", type=Path, metavar="FILE", help="whose writers are left out")
    parser.add_argument("--seed", type=int, default=0, help="other pictures (%(default)s)")
    parser.add_argument("--each", type=int, default=20, help="pictures a kind (%(default)s)")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw the wrong ones (PNG)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Print the shares read right of each kind and hand, and return the same."""
    hands: dict[str, Hand] = {"MNIST": mnist_hand}
    if args.strokes:
        digits = chosen_digits(args.strokes, args.without, MOST_PEN_DIGITS)
        hands["pen"] = pen_hand([(int(one["label"]), as_arrays(one["strokes"])) for one in digits])
    result: dict[str, dict[str, dict[str, float | None]]] = {}
    wrong: list[tuple[str, Case, str]] = []
    print(f"{'':>33}{'read right':>12}{'legible ones':>14}{'digits':>10}")
    for name, hand in hands.items():
        writing = Writing(hand)
        result[name] = {}
        everything: list[Outcome] = []
        every = cases(writing, args.each, args.seed, args.kind)
        for kind, pairs in itertools.groupby(every, lambda pair: pair[0]):
            outcomes = []
            for _, case in pairs:
                read = read_text(case.picture)
                outcomes.append(outcome(case.text, read, writing.is_legible()))
                if read != case.text:
                    wrong.append((f"{kind}, {name}", case, read))
            result[name][kind] = show(name, kind, outcomes)
            everything += outcomes
        result[name]["all"] = show(name, "all", everything)
    if args.sheet:
        sheet(wrong).save(args.sheet)
        print(f"\nthe {len(wrong)} wrong readings: {args.sheet}")
    return result


def outcome(text: str, read: str, legible: bool) -> Outcome:
    """Compare a reading with the text that is right; lines are not counted as digits."""
    digits, found = text.replace("/", ""), read.replace("/", "")
    matches = SequenceMatcher(None, digits, found, autojunk=False).get_matching_blocks()
    return Outcome(read == text, legible, len(digits), sum(match.size for match in matches))


def show(hand: str, kind: str, outcomes: list[Outcome]) -> dict[str, float | None]:
    """Print the shares of a kind, and return them."""
    shares = _shares(outcomes)
    right, legible, single = map(_percent, shares.values())
    print(f"  {hand:>6} {kind:<24}{right:>12}{legible:>14}{single:>10}", flush=True)
    return shares


def _shares(outcomes: list[Outcome]) -> dict[str, float | None]:
    digits = sum(one.digits for one in outcomes)
    return {
        "read_right": _mean([one.right for one in outcomes]),
        "of_the_legible": _mean([one.right for one in outcomes if one.legible]),
        "digits": round(sum(one.digits_right for one in outcomes) / digits, 4) if digits else None,
    }


def _mean(right: list[bool]) -> float | None:
    return round(float(np.mean(right)), 4) if right else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


class Writing:
    """A hand whose digits are kept until it is asked whether each is read right alone."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self.written: list[tuple[int, Image.Image]] = []

    def __call__(self, label: int, size: int, random: Random) -> Image.Image:
        """Write a digit, as the hand does."""
        digit = self.hand(label, size, random)
        self.written.append((label, digit))
        return digit

    def is_legible(self) -> bool:
        """True when every digit written since the last question is read right alone."""
        written, self.written = self.written, []
        alone = readings([prepare(255 - np.pad(np.asarray(digit), 20)) for _, digit in written])
        pairs = zip(written, alone, strict=True)
        return all(one.digit == label and one.looks_like_digit for (label, _), one in pairs)


def read_text(picture: np.ndarray) -> str:
    """The reading of a picture, saved as PNG; lines parted by "/".

    The app decodes files in a process of its own; here its start would take most of the time.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    found = find_in_picture(*decode(file.getvalue()))
    read = [
        str(reading.digit) if reading.looks_like_digit else "?"
        for reading in readings([digit.steps for digit in found.digits])
    ]
    return "/".join("".join(read[place] for place in line) for line in found.lines)


def mnist_hand(label: int, size: int, random: Random) -> Image.Image:
    """One of MNIST's test digits, `size` pixels high."""
    data = mnist.load()
    image = data.x_test[int(random.choice(np.flatnonzero(data.y_test == label)))]
    rows, columns = np.flatnonzero((image > 60).any(1)), np.flatnonzero((image > 60).any(0))
    digit = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    width = max(1, round(digit.width * size / digit.height))
    return digit.resize((width, size), Image.Resampling.BICUBIC)


def as_arrays(strokes: list[list[list[float]]]) -> Strokes:
    """A file's strokes as arrays [points, 2]."""
    return [np.array(stroke, float) for stroke in strokes]


def pen_hand(digits: list[tuple[int, Strokes]]) -> Hand:
    """A hand that draws digits of a file with a round pen."""

    def draw(label: int, size: int, random: Random) -> Image.Image:
        ways = [strokes for digit, strokes in digits if digit == label]
        strokes = ways[int(random.integers(len(ways)))]
        points = np.concatenate(strokes)
        low, high = points.min(0), points.max(0)
        pen = ZOOM * size * random.uniform(*PEN)
        scale = (ZOOM * size - pen) / max(
            float(high[1] - low[1]), 0.3 * float(high[0] - low[0]), 0.05
        )
        width, height = (np.ceil((high - low) * scale + pen)).astype(int)
        picture = Image.new("L", (int(width), int(height)))
        tool, radius = ImageDraw.Draw(picture), pen / 2
        for stroke in strokes:
            path = [(float(x), float(y)) for x, y in (stroke - low) * scale + radius]
            tool.line(path, fill=255, width=round(pen))
            for x, y in path:
                tool.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
        return picture.reduce(ZOOM)

    return draw


def sheet(wrong: list[tuple[str, Case, str]]) -> Image.Image:
    """One cell for each picture that was read wrong."""
    width, height = CELL
    page = Image.new(
        "RGB", (COLUMNS * width, max(1, -(-len(wrong) // COLUMNS)) * height), (90, 90, 90)
    )
    pen = ImageDraw.Draw(page)
    for number, (kind, case, read) in enumerate(wrong):
        x, y = number % COLUMNS * width, number // COLUMNS * height
        small = Image.fromarray(case.picture).convert("RGB")
        small.thumbnail((width - 6, height - 34))
        page.paste(small, (x, y))
        pen.text(
            (x + 2, y + height - 32), f"{kind}\n{case.text[:24]} read as {read[:24]}", fill="white"
        )
    return page
