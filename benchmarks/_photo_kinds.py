"""Pictures of written numbers, of every kind that people upload, with the text that is right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Grey = npt.NDArray[np.uint8]
Random = np.random.Generator
# The picture of a digit: its label, a height in pixels and a random generator → white ink on black.
Hand = Callable[[int, int, Random], Image.Image]
PAPER, INK = 245, 35


@dataclass(frozen=True, eq=False)
class Case:
    """A picture uint8 [H, W] or [H, W, 3] and what should be read; "/" parts lines."""

    picture: npt.NDArray[np.uint8]
    text: str


class Page:
    """Paper on which digits and lines are written: `ink` grows from 0 to 255."""

    def __init__(self, width: int, height: int) -> None:
        self.ink = Image.new("L", (width, height))
        self.pen = ImageDraw.Draw(self.ink)

    def write(
        self,
        text: str,
        hand: Hand,
        random: Random,
        x: int,
        y: int,
        size: int = 100,
        gap: float = 0.3,
    ) -> tuple[int, int, int, int]:
        """Digits from left to right, cut close; returns the box of their ink."""
        boxes = []
        for sign in text:
            digit = hand(int(sign), size, random)
            place = (x, y + int(random.integers(-3, 4)))
            self.ink.paste(255, place, digit)
            boxes.append((*place, place[0] + digit.width, place[1] + digit.height))
            x += digit.width + round(size * gap * random.uniform(0.8, 1.2))
        found = np.array(boxes)
        return (*map(int, found[:, :2].min(0)), *map(int, found[:, 2:].max(0)))  # type: ignore[return-value]

    def line(self, points: list[tuple[float, float]], width: int) -> None:
        """A stroke of the pen."""
        self.pen.line(points, fill=255, width=width, joint="curve")

    def picture(self) -> Grey:
        """Dark ink on light paper."""
        share = np.asarray(self.ink, np.float32) / 255
        return np.round(PAPER + (INK - PAPER) * share).astype(np.uint8)


def _text(random: Random, digits: int) -> str:
    return "".join(str(d) for d in random.integers(0, 10, digits))


def _tile(side: int, white: bool) -> Callable[[Hand, Random], Case]:
    def make(hand: Hand, random: Random) -> Case:
        """One digit as MNIST has it, saved as it is or enlarged."""
        label = int(random.integers(10))
        digit = hand(label, 200, random)
        factor = 20 / max(digit.size)
        size = max(1, round(digit.width * factor)), max(1, round(digit.height * factor))
        tile = Image.new("L", (28, 28))
        tile.paste(
            digit.resize(size, Image.Resampling.BOX), ((28 - size[0]) // 2, (28 - size[1]) // 2)
        )
        pixels = np.asarray(tile.resize((side, side), Image.Resampling.BICUBIC))
        return Case(pixels if white else 255 - pixels, str(label))

    return make


def coarse_tile(hand: Hand, random: Random) -> Case:
    """Sixteen by sixteen pixels shown large, as plotting libraries do."""
    label = int(random.integers(10))
    digit = hand(label, 160, random)
    tile = Image.new("L", (200, 200))
    tile.paste(digit, ((200 - digit.width) // 2, (200 - digit.height) // 2))
    small = tile.resize((16, 16), Image.Resampling.BOX).resize((240, 240), Image.Resampling.NEAREST)
    return Case(np.asarray(small), str(label))


def tile_in_a_figure(hand: Hand, random: Random) -> Case:
    """White on a black square in the middle of a white page."""
    case = _tile(28, True)(hand, random)
    page = np.full((260, 300), 255, np.uint8)
    large = Image.fromarray(case.picture).resize((200, 200), Image.Resampling.NEAREST)
    page[30:230, 60:260] = np.asarray(large)
    return Case(page, case.text)


def canvas(hand: Hand, random: Random) -> Case:
    """A drawing on the square paper of the page."""
    label, page = int(random.integers(10)), Page(280, 280)
    size = int(random.integers(80, 200))
    page.write(
        str(label), hand, random, int(random.integers(10, 80)), int(random.integers(10, 70)), size
    )
    return Case(page.picture(), str(label))


def cropped_row(hand: Hand, random: Random) -> Case:
    """A number cut out along its ink."""
    text = _text(random, int(random.integers(2, 7)))
    page = Page(1400, 240)
    page.write(text, hand, random, 40, 60, int(random.integers(30, 110)))
    ink = np.asarray(page.ink) > 100
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return Case(page.picture()[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], text)


def _ruled_off(where: str) -> Callable[[Hand, Random], Case]:
    def make(hand: Hand, random: Random) -> Case:
        """A number with a line under, over or through it."""
        text, page = _text(random, 3), Page(640, 320)
        left, top, right, bottom = page.write(text, hand, random, 120, 110)
        distance = int(random.choice([12, 25, 45]))
        y = {"under": bottom + distance, "over": top - distance, "through": (top + bottom) // 2}[
            where
        ]
        tilt, bow = random.uniform(-5, 5), random.uniform(-4, 4)
        points = [(left - 15, y - tilt), ((left + right) / 2, y + bow), (right + 15, y + tilt)]
        page.line(points, int(random.choice([2, 4, 7])))
        return Case(page.picture(), text)

    return make


def sum_of_two(hand: Hand, random: Random) -> Case:
    """A number, a line, and a number under it."""
    one, other, page = _text(random, 2), _text(random, 2), Page(460, 460)
    left, _, right, bottom = page.write(one, hand, random, 120, 70)
    y = bottom + 25
    page.line([(left - 30, y + random.uniform(-4, 4)), (right + 30, y)], int(random.integers(3, 7)))
    page.write(other, hand, random, 120, y + 30)
    return Case(page.picture(), f"{one}/{other}")


def ring(hand: Hand, random: Random) -> Case:
    """A ring around a number."""
    text, page = _text(random, int(random.integers(1, 4))), Page(640, 360)
    left, top, right, bottom = page.write(text, hand, random, 150, 120)
    box = (left - 50, top - 45, right + 50, bottom + 45)
    page.pen.ellipse(box, outline=255, width=int(random.integers(3, 8)))
    return Case(page.picture(), text)


def box(hand: Hand, random: Random) -> Case:
    """A box around a number, drawn by hand."""
    text, page = _text(random, int(random.integers(1, 4))), Page(640, 360)
    left, top, right, bottom = page.write(text, hand, random, 150, 120)
    corners = [(left - 25, top - 25), (right + 25, top - 25), (right + 25, bottom + 25),
               (left - 25, bottom + 25)]  # fmt: skip
    shaken = [(x + random.uniform(-6, 6), y + random.uniform(-6, 6)) for x, y in corners]
    page.line([*shaken, shaken[0]], int(random.integers(3, 7)))
    return Case(page.picture(), text)


def cells(hand: Hand, random: Random) -> Case:
    """A box for each digit, apart from one another."""
    text, page = _text(random, 4), Page(760, 240)
    width = int(random.integers(2, 6))
    for number, sign in enumerate(text):
        x = 40 + 170 * number
        page.pen.rectangle((x, 50, x + 140, 190), outline=255, width=width)
        page.write(sign, hand, random, x + 40, 72, 90)
    return Case(page.picture(), text)


def joined_cells(hand: Hand, random: Random) -> Case:
    """A row of cells, as on a form."""
    text, page = _text(random, 5), Page(800, 240)
    width = int(random.integers(2, 5))
    for number, sign in enumerate(text):
        x = 40 + 140 * number
        page.pen.rectangle((x, 50, x + 140, 190), outline=255, width=width)
        page.write(sign, hand, random, x + 40, 72, 90)
    return Case(page.picture(), text)


def sudoku(hand: Hand, random: Random) -> Case:
    """A grid of nine by nine cells, some of them filled."""
    cell, page, lines = 90, Page(900, 900), []
    for row in range(9):
        line = ""
        for column in range(9):
            if random.random() < 0.35:
                digit = int(random.integers(1, 10))
                x, y = 45 + cell * column, 45 + cell * row
                page.write(str(digit), hand, random, x + 28, y + 18, 52)
                line += str(digit)
        lines.append(line)
    for number in range(10):
        at, width = 45 + cell * number, 5 if number % 3 == 0 else 2
        page.line([(45, at), (45 + 9 * cell, at)], width)
        page.line([(at, 45), (at, 45 + 9 * cell)], width)
    return Case(page.picture(), "/".join(line for line in lines if line))


def empty_cells(hand: Hand, random: Random) -> Case:
    """Cells with nothing in them."""
    page, count = Page(800, 240), int(random.integers(3, 7))
    for number in range(count):
        page.pen.rectangle((40 + 110 * number, 60, 150 + 110 * number, 170), outline=255, width=3)
    return Case(page.picture(), "")


def torn(hand: Hand, random: Random) -> Case:
    """A brush stroke that a dry streak has torn."""
    text, page = _text(random, 3), Page(640, 320)
    left, top, right, bottom = page.write(text, hand, random, 120, 110)
    y = top + (bottom - top) * random.uniform(0.35, 0.65)
    pixels = page.picture()
    rows = np.arange(pixels.shape[0])[:, None] - 0.08 * np.arange(pixels.shape[1])
    pixels[np.abs(rows - (y - 0.08 * (left + right) / 2)) < 2] = PAPER
    return Case(pixels, text)


def two_lines(hand: Hand, random: Random) -> Case:
    """Two lines so near to each other that tails reach from one into the other."""
    one, other, page = _text(random, 3), _text(random, 3), Page(640, 420)
    page.write(one, hand, random, 100, 90)
    page.write(other, hand, random, 165, 197)
    return Case(page.picture(), f"{one}/{other}")


def many(hand: Hand, random: Random) -> Case:
    """Sixty digits in six lines."""
    page, lines = Page(1300, 900), []
    for row in range(6):
        lines.append(_text(random, 10))
        page.write(lines[-1], hand, random, 60, 50 + 140 * row, 80)
    return Case(page.picture(), "/".join(lines))


def equation(hand: Hand, random: Random) -> Case:
    """Digits with plus and equals signs between them, which are to become question marks."""
    one, other, three = _text(random, 1), _text(random, 1), _text(random, 2)
    page, y = Page(1000, 300), 100
    _, _, right, _ = page.write(one, hand, random, 60, y)
    x = right + 50
    page.line([(x, y + 50), (x + 70, y + 50)], 7)
    page.line([(x + 35, y + 15), (x + 35, y + 85)], 7)
    _, _, right, _ = page.write(other, hand, random, x + 120, y)
    x = right + 50
    page.line([(x, y + 35), (x + 70, y + 35)], 7)
    page.line([(x, y + 65), (x + 70, y + 65)], 7)
    page.write(three, hand, random, x + 120, y)
    return Case(page.picture(), f"{one}?{other}?{three}")


def touching(hand: Hand, random: Random) -> Case:
    """Two digits that touch."""
    text, page = _text(random, 2), Page(460, 320)
    page.write(text, hand, random, 120, 110, gap=-0.03)
    return Case(page.picture(), text)


def photo_of_ruled_paper(hand: Hand, random: Random) -> Case:
    """Ruled paper in uneven light, a little turned, with noise."""
    text, page = _text(random, 5), Page(1200, 500)
    page.write(text, hand, random, 130, 170, 130)
    paper = Image.new("L", page.ink.size, 232)
    pen = ImageDraw.Draw(paper)
    for y in range(30, 500, 62):
        pen.line([(0, y), (1200, y)], fill=int(random.integers(120, 190)), width=2)
    paper.paste(55, (0, 0), page.ink)
    paper = paper.rotate(random.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=230)
    pixels = np.asarray(paper, np.float32) * np.linspace(1, random.uniform(0.5, 0.9), 1200)
    pixels += random.normal(0, 5, pixels.shape)
    return Case(np.clip(pixels, 0, 255).astype(np.uint8), text)


def blackboard(hand: Hand, random: Random) -> Case:
    """Chalk on green."""
    text, page = _text(random, 4), Page(900, 400)
    page.write(text, hand, random, 130, 130, 130)
    share = np.asarray(page.ink, np.float32)[..., None] / 255
    pixels = np.array([40.0, 70, 50]) * (1 - share) + np.array([215.0, 220, 210]) * share
    pixels += random.normal(0, 6, pixels.shape)
    return Case(np.clip(pixels, 0, 255).astype(np.uint8), text)


KINDS: dict[str, Callable[[Hand, Random], Case]] = {
    "28 px, white on black": _tile(28, True),
    "28 px, black on white": _tile(28, False),
    "56 px, white on black": _tile(56, True),
    "140 px, black on white": _tile(140, False),
    "280 px, white on black": _tile(280, True),
    "280 px, black on white": _tile(280, False),
    "coarse tile": coarse_tile,
    "tile in a figure": tile_in_a_figure,
    "canvas": canvas,
    "cropped row": cropped_row,
    "underlined": _ruled_off("under"),
    "overlined": _ruled_off("over"),
    "struck through": _ruled_off("through"),
    "sum": sum_of_two,
    "ring": ring,
    "box": box,
    "cells": cells,
    "joined cells": joined_cells,
    "sudoku": sudoku,
    "empty cells": empty_cells,
    "torn strokes": torn,
    "lines close together": two_lines,
    "sixty digits": many,
    "equation": equation,
    "touching": touching,
    "ruled paper": photo_of_ruled_paper,
    "blackboard": blackboard,
}


def cases(
    hand: Hand, each: int, seed: int = 0, kinds: Collection[str] | None = None
) -> Iterator[tuple[str, Case]]:
    """`each` pictures of every kind, or of `kinds`, one kind after the other."""
    for number, (kind, make) in enumerate(KINDS.items()):
        random = np.random.default_rng([seed, number])
        for _ in range(each if not kinds or kind in kinds else 0):
            yield kind, make(hand, random)
