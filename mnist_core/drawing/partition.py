"""Pieces of ink shared out among digits in the way that reads best.

A digit may be several pieces (a bar of its own, a torn stroke), and one mark several digits that
touch. Candidates are pieces alone, neighbours together, and strips of a mark between seams; each
has a cost, a negative logarithm of how likely it is: how little it looks like a digit, how far its
size is from the others', the gaps that it bridges, the ink that was cut. The cheapest way to put
every piece into one candidate wins. This is heuristic over-segmentation (LeCun, Bottou, Bengio and
Haffner, 1998, section V) with an exact cover in place of a path, since pieces lie above one
another, too.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.base import computing
from mnist_core.drawing.cut_out import cut_out
from mnist_core.drawing.marks import ALL_AROUND, stroke_width
from mnist_core.drawing.not_a_digit import doubt
from mnist_core.drawing.predict import predict
from mnist_core.drawing.preprocessing import FloatArray, prepare
from mnist_core.drawing.pretrained import load_default_model
from mnist_core.drawing.seams import strips_of
from mnist_core.drawing.segment import Box, Group, in_order, joined, trimmed

# Lengths are shares of the usual height of a digit. Pieces further apart than GAP belong to
# different digits; a digit is no higher and no wider than HIGHEST and WIDEST.
GAP, HIGHEST, WIDEST = 0.25, 1.45, 1.9
# Heights between these cost nothing; beyond, the logarithm's standard deviation.
USUAL_HEIGHTS, HEIGHT_SPREAD = (0.72, 1.35), 0.15
# The logarithm of width by height of each digit, mean and standard deviation: MNIST's training
# images and pen digits together. Up to so many standard deviations wider costs nothing.
ASPECTS = (0.0, -0.9, -0.08, -0.23, -0.28, -0.15, -0.38, -0.2, -0.33, -0.45)
ASPECT_SPREAD = (0.3, 0.45, 0.23, 0.2, 0.24, 0.25, 0.22, 0.22, 0.2, 0.22)
WIDER = 1.5
# How much more often a mark is a digit than not, beside what the detector was trained on; the
# least probability that counts.
PRIOR, LEAST = 6.0, 1e-4
# Costs: a gap as wide as SOFT_GAP, and of any gap at most; a cut, and a stroke that it crosses;
# a small mark that is left out; a line that was taken out of a mark; another height of digits
# than that of the first guess.
SOFT_GAP, GAP_COST, MOST_GAP_COST = 0.12, 0.5, 3.0
CUT, CROSSED, LEFT_OUT, LINE, OTHER_HEIGHT = 0.4, 1.3, 0.7, 0.5, 2.0
# A candidate that costs more is cut, so many times over at most, where it is wide or high enough.
GOOD, DEPTH, CUT_WIDER, CUT_HIGHER = 0.7, 2, 0.6, 1.25
# Bounds on the work: seams of a mark, pieces looked at together and put into one digit, candidates,
# and sets of pieces of which the best candidates are sought.
MOST_SEAMS, MOST_PIECES, MOST_TOGETHER = 5, 40, 4
MOST_CANDIDATES, MOST_STATES = 400, 5000
# Marks of a whole picture; one with more is noise, and its first guess stands.
MOST_MARKS = 400
# Crumbs hold less than this share of the largest part's ink. Where the groups' usual height and
# the pieces' differ by this factor, both are tried.
CRUMB, OTHER_SCALE = 0.03, 1.3
# A wide mark is a line, and no digits, where fewer columns than this hold more than one stroke.
LINE_ASPECT, SINGLE_LINE = 1.45, 0.2
# Pieces no further apart are one torn stroke, which is mended.
TEAR = 0.08


@dataclass(frozen=True, eq=False)
class _Piece:
    """A piece of ink: of the group `home`, or a small mark that may be left out."""

    group: Group
    home: int | None = None


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A group that may be a digit: the places of its pieces, their marks together, and its cost."""

    places: tuple[int, ...]
    group: Group
    cost: float


def best_groups(
    ink: FloatArray, groups: list[Group], small: Sequence[Group] = (), lined: Sequence[Group] = ()
) -> list[Group]:
    """The marks of each digit, line by line from left to right.

    `ink` is the whole picture's, float32 [H, W] in [0, 1]; `groups` a first guess at the digits,
    `small` marks that may be parts of one, `lined` marks as they were before a line was taken out.
    It asks the networks of `models/` again and again, so that all of it runs where TensorFlow is.
    Raises DefaultModelError and WorkFailed.
    """
    if not groups:
        return groups
    about = "digits", hashlib.sha256(ink.tobytes()).digest()
    found: list[Group] = computing.run(_best_groups, ink, groups, small, lined, about=about)
    return found


def _best_groups(
    ink: FloatArray, groups: list[Group], small: Sequence[Group], lined: Sequence[Group]
) -> list[Group]:
    pieces = [_Piece(part, home) for home, group in enumerate(groups) for part in _parts(group)]
    if len(pieces) + len(small) > MOST_MARKS:
        return groups
    heights = [_usual_height(groups), _usual_height([piece.group for piece in pieces])]
    if max(heights) < OTHER_SCALE * min(heights):
        heights.pop()  # else digits of two lines may hang together, or strokes may be torn
    pieces += [_Piece(group) for group in small]
    pieces.sort(key=lambda piece: piece.group.box.left)
    found, *other = (_Page(ink, height).all_digits(pieces, lined) for height in heights)
    if other and _cost(other[0]) + OTHER_HEIGHT < _cost(found):
        found = other[0]
    return in_order([candidate.group for candidate in found])


def _usual_height(groups: list[Group]) -> float:
    """The height of a digit in pixels: below the median, for digits may hang together."""
    heights = np.array([group.box.height for group in groups])
    return float(np.quantile(heights[heights >= 0.4 * heights.max()], 0.4))


def _parts(group: Group) -> list[Group]:
    """The connected parts of a group; crumbs stay with the nearest larger part."""
    labels, count = ndimage.label(group.marks, ALL_AROUND)
    if count < 2:
        return [group]
    amounts = np.bincount(labels.ravel())[1:]
    large = np.flatnonzero(amounts >= CRUMB * amounts.max()) + 1
    nearest = ndimage.distance_transform_edt(
        ~np.isin(labels, large), return_distances=False, return_indices=True
    )
    owned = np.where(group.marks, labels[tuple(nearest)], 0)
    places = ndimage.find_objects(owned)
    left, top = group.box.left, group.box.top
    parts = []
    for number in large:
        rows, columns = places[number - 1]
        box = Box(left + columns.start, top + rows.start, left + columns.stop, top + rows.stop)
        parts.append(Group(box, owned[rows, columns] == number))
    return parts


def _clusters(pieces: list[_Piece], usual: float, gap: float = GAP) -> list[list[_Piece]]:
    """Pieces that are near to one another, together; nearer ones where they would be too many."""
    rest, found = list(range(len(pieces))), []
    while rest:
        near = [rest.pop(0)]
        for index in near:
            near += [
                other for other in rest if _are_near(pieces[index], pieces[other], gap * usual)
            ]
            rest = [other for other in rest if other not in near]
        cluster = [pieces[index] for index in sorted(near)]
        if len(cluster) > MOST_PIECES and gap > 0.01:
            found += _clusters(cluster, usual, gap / 2)
        else:
            found.append(cluster)
    return found


def _are_near(one: _Piece, other: _Piece, most: float) -> bool:
    """True when two pieces are of one group, or not further apart than `most` pixels."""
    if one.home is not None and one.home == other.home:
        return True
    return _box_gap(one.group.box, other.group.box) <= most


@dataclass(frozen=True, eq=False)
class _Page:
    """The picture's ink and the usual height of its digits, in pixels."""

    ink: FloatArray
    usual: float
    _known: dict[tuple[Box, bytes], float] = field(default_factory=dict)

    def all_digits(self, pieces: list[_Piece], lined: Sequence[Group]) -> list[_Candidate]:
        """The digits of the page."""
        clusters = _clusters(pieces, self.usual)
        found = [candidate for cluster in clusters for candidate in self.digits(cluster)]
        for mark in lined:
            found = self.with_its_line(mark, found)
        return found

    def digits(self, pieces: list[_Piece]) -> list[_Candidate]:
        """The digits of a cluster of pieces."""
        groups = [piece.group for piece in pieces]
        gaps = self._gaps(pieces)
        homes: dict[int, list[int]] = {}
        for place, piece in enumerate(pieces):
            if piece.home is not None:
                homes.setdefault(piece.home, []).append(place)
        sets = self._near_one_another(groups, gaps) | {tuple(own) for own in homes.values()}
        ways = sorted(sets)
        together = [
            _mended([groups[place] for place in own], TEAR * self.usual / 2) for own in ways
        ]
        candidates = self._candidates(together, ways, lambda own: _bridges(own, gaps))
        loose = {place for place, piece in enumerate(pieces) if piece.home is None}
        chosen = _cheapest_cover(len(pieces), candidates, loose)
        return [digit for candidate in chosen for digit in self._cut(candidate)]

    def with_its_line(self, mark: Group, found: list[_Candidate]) -> list[_Candidate]:
        """The digits found, those of a mark exchanged where it reads better with its line."""
        own = [candidate for candidate in found if _lies_in(candidate.group, mark)]
        whole = self.digits([_Piece(mark, 0)])
        if _cost(whole) >= _cost(own) + LINE:
            return found
        return [candidate for candidate in found if candidate not in own] + whole

    def _cut(self, candidate: _Candidate, depth: int = DEPTH) -> list[_Candidate]:
        """The digits into which a candidate is cut; itself where that reads no worse."""
        box, marks = candidate.group.box, candidate.group.marks
        if candidate.cost <= GOOD or not depth:
            return [candidate]
        stroke, best = stroke_width(marks), [candidate]
        for turned in (False, True):
            if turned and box.height <= CUT_HIGHER * self.usual:
                continue
            if not turned and (box.width <= CUT_WIDER * self.usual or _is_line(candidate.group)):
                continue
            upright = np.ascontiguousarray(marks.T) if turned else marks
            strips = strips_of(upright, self.usual, stroke, MOST_SEAMS)
            parts = [trimmed(box.left, box.top, s.T if turned else s) for s, _ in strips]
            crossed = [number for _, number in strips]
            found = [part for part in parts if part is not None]
            chosen = self._strips(found, crossed, candidate.group, stroke / 2)
            if len(chosen) > 1 and _cost(chosen) < _cost(best):
                best = chosen
        if len(best) == 1:
            return best
        return [digit for part in best for digit in self._cut(part, depth - 1)]

    def _strips(
        self, strips: list[Group], crossed: list[float], mark: Group, shared: float
    ) -> list[_Candidate]:
        """The digits of a mark's strips; `crossed` says what the seam before each crosses.

        Where a stroke belongs to two digits the seam lies in it: the mark's ink within `shared`
        pixels of a strip belongs to its digit, too.
        """
        count = len(strips)
        sets = [
            tuple(range(first, stop))
            for first, stop in itertools.combinations(range(count + 1), 2)
            if stop - first in (1, count)
            or self._fits([strips[place].box for place in range(first, stop)])
        ]

        def cuts(own: tuple[int, ...]) -> float:
            ends = [place for place in (own[0], own[-1] + 1) if 0 < place < count]
            return sum((CUT + CROSSED * crossed[place]) / 2 for place in ends)

        together = [joined([strips[place] for place in own]) for own in sets]
        shown = [_with_shared(group, mark, shared) for group in together]
        return _cheapest_cover(count, self._candidates(shown, sets, cuts), set())

    def _near_one_another(
        self, groups: list[Group], gaps: npt.NDArray[np.float64]
    ) -> set[tuple[int, ...]]:
        """Pieces alone, and those together that are near and no larger than a digit."""
        sets: list[tuple[int, ...]] = [(place,) for place in range(len(groups))]
        known = set(sets)
        for own in sets:
            if len(own) == MOST_TOGETHER or len(known) > MOST_CANDIDATES:
                continue
            near = np.flatnonzero((gaps[list(own)] <= GAP).any(0)).tolist()
            for place in near:
                more = tuple(sorted({*own, place}))
                if more not in known and self._fits([groups[place].box for place in more]):
                    known.add(more)
                    sets.append(more)
        return known

    def _fits(self, boxes: list[Box]) -> bool:
        sides = np.array(boxes)
        width, height = sides[:, 2:].max(0) - sides[:, :2].min(0)
        return bool(height <= HIGHEST * self.usual and width <= WIDEST * self.usual)

    def _gaps(self, pieces: list[_Piece]) -> npt.NDArray[np.float64]:
        """The least distance between ink of any two pieces; infinity for those far apart."""
        gaps = np.full((len(pieces), len(pieces)), np.inf)
        for one, other in itertools.combinations(range(len(pieces)), 2):
            if _are_near(pieces[one], pieces[other], GAP * self.usual):
                gap = _gap(pieces[one].group, pieces[other].group) / self.usual
                gaps[one, other] = gaps[other, one] = gap
        return gaps

    def _candidates(
        self,
        groups: list[Group],
        sets: list[tuple[int, ...]],
        more: Callable[[tuple[int, ...]], float],
    ) -> list[_Candidate]:
        """The groups that the pieces of each set make; `more` is a set's cost beside reading."""
        costs = self._recognition(groups)
        return [
            _Candidate(own, group, cost + more(own))
            for own, group, cost in zip(sets, groups, costs, strict=True)
        ]

    def _recognition(self, groups: list[Group]) -> list[float]:
        """The cost of each: how little it looks like a digit of this page."""
        keys = [(group.box, group.marks.tobytes()) for group in groups]
        pairs = zip(keys, groups, strict=True)
        new = {key: group for key, group in pairs if key not in self._known}
        steps = [prepare(cut_out(self.ink, group)) for group in new.values()]
        if steps:
            images = np.stack([one.image28 for one in steps])
            read = predict(load_default_model(), images)
            answers = zip(new.items(), steps, read, doubt(images), strict=True)
            for (key, group), one, row, unsure in answers:
                sure = PRIOR * (1 - unsure) / (PRIOR * (1 - unsure) + unsure)
                likely = 0.0 if one.blank else float(row.max() * sure)
                cost = -np.log(max(likely, LEAST)) + self._size_cost(group.box, int(row.argmax()))
                self._known[key] = float(cost)
        return [self._known[key] for key in keys]

    def _size_cost(self, box: Box, digit: int) -> float:
        low, high = USUAL_HEIGHTS
        height = max(box.height, 0.7 * box.width) / self.usual
        off = max(np.log(low / height), np.log(height / high), 0.0) / HEIGHT_SPREAD
        wide = (np.log(box.width / box.height) - ASPECTS[digit]) / ASPECT_SPREAD[digit]
        return float(off**2 + max(wide - WIDER, 0.0) ** 2) / 2


def _is_line(group: Group) -> bool:
    """True when this is a single long stroke."""
    strokes = (np.diff(group.marks.astype(np.int8), axis=0, prepend=0) > 0).sum(0)
    is_long = group.box.width >= LINE_ASPECT * group.box.height
    return bool(is_long and (strokes > 1).mean() < SINGLE_LINE)


def _mended(groups: list[Group], reach: float) -> Group:
    """The groups together, with ink where they are no further apart than twice `reach` pixels."""
    whole = joined(groups)
    if len(groups) == 1 or reach < 1:
        return whole
    margin = int(reach) + 1
    near = np.zeros((whole.box.height + 2 * margin, whole.box.width + 2 * margin), np.int8)
    for group in groups:
        top, left = group.box.top - whole.box.top, group.box.left - whole.box.left
        own = np.pad(group.marks, margin)
        own = ndimage.distance_transform_edt(~own) <= reach
        near[top : top + own.shape[0], left : left + own.shape[1]] += own
    return Group(whole.box, whole.marks | (near[margin:-margin, margin:-margin] > 1))


def _with_shared(group: Group, mark: Group, reach: float) -> Group:
    """A part of a mark with the mark's ink within `reach` pixels."""
    left, top = group.box.left - mark.box.left, group.box.top - mark.box.top
    own = np.zeros_like(mark.marks)
    own[top : top + group.box.height, left : left + group.box.width] = group.marks
    near = ndimage.distance_transform_edt(~own) <= reach
    return trimmed(mark.box.left, mark.box.top, mark.marks & near) or group


def _cost(candidates: list[_Candidate]) -> float:
    return sum(candidate.cost for candidate in candidates)


def _cheapest_cover(count: int, candidates: list[_Candidate], loose: set[int]) -> list[_Candidate]:
    """The candidates that hold each of `count` pieces once at the least cost.

    Pieces of `loose` may be left out. Once MOST_STATES sets of pieces have been looked at, what is
    left is shared out by the cheapest candidate each time, and loose pieces are left out.
    """
    starting: list[list[tuple[int, _Candidate]]] = [[] for _ in range(count)]
    for candidate in sorted(candidates, key=lambda one: one.cost / len(one.places)):
        bits = sum(1 << place for place in candidate.places)
        starting[candidate.places[0]].append((bits, candidate))

    @cache
    def best(left: int) -> tuple[float, tuple[_Candidate, ...]]:
        if not left:
            return 0.0, ()
        first = (left & -left).bit_length() - 1
        fitting = [(bits, one) for bits, one in starting[first] if not bits & ~left]
        if best.cache_info().currsize > MOST_STATES:
            del fitting[0 if first in loose else 1 :]
        ways = []
        if first in loose:
            cost, chosen = best(left & ~(1 << first))
            ways.append((cost + LEFT_OUT, chosen))
        for bits, candidate in fitting:
            cost, chosen = best(left & ~bits)
            ways.append((cost + candidate.cost, (candidate, *chosen)))
        return min(ways, key=lambda way: way[0])

    return list(best((1 << count) - 1)[1])


def _bridges(own: tuple[int, ...], gaps: npt.NDArray[np.float64]) -> float:
    """The cost of the shortest gaps that join the pieces."""
    rest, linked, cost = list(own[1:]), [own[0]], 0.0
    while rest:
        gap, place = min((float(gaps[place, linked].min()), place) for place in rest)
        cost += min(GAP_COST * (gap / SOFT_GAP) ** 2, MOST_GAP_COST)
        rest.remove(place)
        linked.append(place)
    return cost


def _box_gap(one: Box, other: Box) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return float(np.hypot(max(across, 0), max(down, 0)))


def _gap(one: Group, other: Group) -> float:
    """The least distance between ink of the two, in pixels."""
    whole = joined([one, other]).box
    masks = np.zeros((2, whole.height, whole.width), np.bool_)
    for mask, group in zip(masks, (one, other), strict=True):
        top, left = group.box.top - whole.top, group.box.left - whole.left
        mask[top : top + group.box.height, left : left + group.box.width] = group.marks
    return float(ndimage.distance_transform_edt(~masks[0])[masks[1]].min())


def _lies_in(group: Group, mark: Group) -> bool:
    """True when most of a group's ink is a mark's."""
    left, top = max(group.box.left, mark.box.left), max(group.box.top, mark.box.top)
    right, bottom = min(group.box.right, mark.box.right), min(group.box.bottom, mark.box.bottom)
    if left >= right or top >= bottom:
        return False
    rows, columns = np.arange(top, bottom), np.arange(left, right)
    parts = [one.marks[np.ix_(rows - one.box.top, columns - one.box.left)] for one in (group, mark)]
    return bool((parts[0] & parts[1]).sum() > 0.5 * group.marks.sum())
