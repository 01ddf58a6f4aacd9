"""The board of a class: everyone's runs, the digits that most networks misread, their weights."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from mnist_core.classrooms.classrooms import Classroom, in_class
from mnist_core.experiment.spec import MNIST, Experiment
from mnist_core.storage import schema
from mnist_core.storage.store import ACTIVE, Store
from mnist_core.training.misread import unpack

log = logging.getLogger(__name__)

# Each pupil's newest runs that the board looks at: as many as a shared server keeps by default.
MOST_RUNS_OF_PUPIL = 50

_RUNS, _PUPILS = schema.runs, schema.pupils


@dataclass(frozen=True)
class Entry:
    """A run on the board. `accuracy` is on the test images, `final`, or on validation images.

    `broken` says which rule of the challenge it breaks, "" when it keeps them all.
    """

    nickname: str
    run: str
    name: str
    status: str
    experiment: Experiment
    accuracy: float | None
    final: bool
    epoch: int
    seconds: float
    broken: str

    @property
    def parameters(self) -> int:
        """Of its network."""
        return self.experiment.network.parameters

    @property
    def active(self) -> bool:
        """True while it waits, trains or pauses."""
        return self.status in ACTIVE


@dataclass(frozen=True)
class Board:
    """A class's runs, the newest first, and the nicknames of all who are in it."""

    classroom: Classroom
    nicknames: tuple[str, ...]
    entries: tuple[Entry, ...]

    def newest(self) -> list[Entry]:
        """Each pupil's newest run."""
        found: dict[str, Entry] = {}
        for entry in self.entries:
            found.setdefault(entry.nickname, entry)
        return list(found.values())

    def best(self) -> list[Entry]:
        """Each pupil's most accurate run that keeps the rules, the most accurate first.

        Of one who has none, the most accurate that breaks one. An accuracy on the test images comes
        before any on validation images: the two cannot be compared.
        """
        found: dict[str, Entry] = {}
        for entry in self.entries:
            known = found.get(entry.nickname)
            if known is None or _rank(entry) > _rank(known):
                found[entry.nickname] = entry
        return sorted(found.values(), key=_rank, reverse=True)


def _rank(entry: Entry) -> tuple[bool, bool, float]:
    return not entry.broken, entry.final, -1.0 if entry.accuracy is None else entry.accuracy


def read_board(store: Store, classroom: Classroom) -> Board:
    """The board as it stands. `store` is everyone's view. Raises StoreError."""
    runs = _RUNS.c
    columns = (runs.id, runs.name, runs.status, runs.experiment, runs.test_accuracy,
               runs.val_accuracy, runs.epoch, runs.seconds, _PUPILS.c.nickname)  # fmt: skip
    newest_first = sa.func.row_number().over(partition_by=runs.owner, order_by=runs.number.desc())
    shown = (
        sa.select(runs.number, *columns, newest_first.label("place"))
        .join(_PUPILS, _PUPILS.c.owner == runs.owner)
        .where(in_class(classroom), _PUPILS.c.classroom == classroom.id, runs.deleted.is_(None))
        .subquery()
    )
    query = sa.select(shown).where(shown.c.place <= MOST_RUNS_OF_PUPIL)
    query = query.order_by(shown.c.number.desc())
    names = sa.select(_PUPILS.c.nickname).where(_PUPILS.c.classroom == classroom.id)
    with store.transaction() as connection:
        rows = connection.execute(query).all()
        nicknames = connection.execute(names.order_by(_PUPILS.c.number)).scalars().all()
    entries = (_entry(row, classroom) for row in rows)
    return Board(classroom, tuple(nicknames), tuple(entry for entry in entries if entry))


def _entry(row: Any, classroom: Classroom) -> Entry | None:
    """A row as an entry; None for one that is damaged, which hides no other."""
    try:
        experiment = _experiment(row.experiment)
    except (ValueError, TypeError):
        log.exception("the record of a run is damaged", extra={"run": row.id})
        return None
    final = row.test_accuracy is not None
    return Entry(
        nickname=row.nickname,
        run=row.id,
        name=row.name,
        status=row.status,
        experiment=experiment,
        accuracy=row.test_accuracy if final else row.val_accuracy,
        final=final,
        epoch=row.epoch,
        seconds=row.seconds,
        broken=classroom.rules.broken(experiment, row.seconds),
    )


@lru_cache(maxsize=4096)
def _experiment(text: str) -> Experiment:
    return Experiment.from_json(text)


@dataclass(frozen=True)
class Misread:
    """A test image by its number, how many networks misread it, and as what, most often first."""

    image: int
    networks: int
    read: tuple[tuple[int, int], ...]


def misread_most(store: Store, entries: Sequence[Entry], most: int = 12) -> list[Misread]:
    """The test images of MNIST that most of these runs misread, by at least two of them."""
    ids = [entry.run for entry in entries if entry.experiment.data == MNIST]
    query = sa.select(_RUNS.c.misread).where(_RUNS.c.id.in_(ids), _RUNS.c.misread.is_not(None))
    with store.transaction() as connection:
        lists = connection.execute(query).scalars().all()
    read: dict[int, Counter[int]] = defaultdict(Counter)
    for data in lists:
        for image, digit in zip(*unpack(data), strict=True):
            read[int(image)][int(digit)] += 1
    found = [
        Misread(image, digits.total(), tuple(digits.most_common()))
        for image, digits in read.items()
        if digits.total() > 1
    ]
    return sorted(found, key=lambda item: (-item.networks, item.image))[:most]
