"""Data sets of one's own as the database keeps them: beside the runs, each for its owner.

In the database and not in a folder, because several app servers may share it. `store` is any
view of it; `owner` says whose sets are meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from mnist_core.base.untrusted import readable
from mnist_core.data.custom import MAX_TITLE, OwnSet, class_names, pack, unpack
from mnist_core.data.mnist import Dataset, DatasetError
from mnist_core.experiment.spec import MNIST, TRAIN_IMAGES, Experiment
from mnist_core.storage import schema
from mnist_core.storage.store import ACTIVE, KEPT_ASIDE, Store

_TABLE = schema.datasets


@dataclass(frozen=True)
class SetInfo:
    """A kept data set without its images; `bytes` are those it takes in the database."""

    digest: str
    title: str
    classes: tuple[str, ...]
    train: int
    test: int
    bytes: int
    created: datetime

    @property
    def short(self) -> str:
        """The beginning of the digest, as tables of runs show it."""
        return self.digest[:8]


def keep(store: Store, owner: str, found: OwnSet) -> None:
    """Keep a checked set as one of the owner's; one that is there already takes the new names.

    Raises StoreError.
    """
    dataset = found.dataset
    names = {"title": dataset.name, "classes": json.dumps(dataset.classes), "deleted": None}
    with store.transaction() as connection:
        change = _TABLE.update().where(_is(owner, found.digest)).values(**names)
        if connection.execute(change).rowcount:
            return
    content = pack(dataset)
    with store.transaction() as connection:
        connection.execute(
            _TABLE.insert().values(
                owner=owner,
                digest=found.digest,
                train=len(dataset.x_train),
                test=len(dataset.x_test),
                bytes=len(content),
                content=content,
                created=datetime.now(UTC),
                **names,
            )
        )


def sets(store: Store, owner: str) -> list[SetInfo]:
    """The owner's sets, newest first, without those put aside."""
    query = _infos().where(_TABLE.c.owner == owner, _TABLE.c.deleted.is_(None))
    with store.transaction() as connection:
        return [_info(row) for row in connection.execute(query.order_by(_TABLE.c.number.desc()))]


def find(store: Store, owner: str, digest: str) -> SetInfo | None:
    """One of the owner's sets; None when it is not here."""
    query = _infos().where(_is(owner, digest), _TABLE.c.deleted.is_(None))
    with store.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _info(row)


def training_images(store: Store) -> dict[str, int]:
    """The number of training images of each kept set, everyone's, by its digest."""
    with store.transaction() as connection:
        rows = connection.execute(sa.select(_TABLE.c.digest, _TABLE.c.train)).all()
    return {str(row.digest): int(row.train) for row in rows}


def images_of(store: Store, experiment: Experiment) -> int:
    """The number of training images of its data set; MNIST's of one that is not here."""
    known = {} if experiment.data == MNIST else training_images(store)
    return known.get(experiment.data, TRAIN_IMAGES)


def content(store: Store, owner: str, digest: str) -> bytes | None:
    """A set's images and labels, packed; None when it is not here."""
    query = sa.select(_TABLE.c.content).where(_is(owner, digest), _TABLE.c.deleted.is_(None))
    with store.transaction() as connection:
        found: bytes | None = connection.execute(query).scalar()
    return found


def load(store: Store, owner: str, digest: str) -> Dataset:
    """The owner's set itself. Raises DatasetError when it is not here, or damaged."""
    info, packed = find(store, owner, digest), content(store, owner, digest)
    if info is None or packed is None:
        raise DatasetError(not_here(digest))
    return unpack(packed, digest, info.title, info.classes)


def not_here(digest: str) -> str:
    """The sentence for a set that a run, a link or a file names, and nobody here has."""
    return (
        f"The data set {digest[:8]} that this needs is not here. Add its files under "
        "Explore → Data: the same images make the same data set."
    )


def problem(store: Store, owner: str, experiment: Experiment) -> str | None:
    """The reason why the experiment's data set does not serve, or None."""
    if experiment.data == MNIST:
        return None
    info = find(store, owner, experiment.data)
    if info is None:
        return not_here(experiment.data)
    if len(info.classes) != experiment.network.classes:
        return (
            f"The data set “{info.title}” has {len(info.classes)} classes, but the network has "
            f"{experiment.network.classes}. Choose the data set again."
        )
    return None


def rename(store: Store, owner: str, digest: str, title: str, names: list[str]) -> None:
    """Call a set, and its classes, something else. Raises FileRefused and StoreError."""
    info = find(store, owner, digest)
    if info is None:
        return
    changes = {
        "title": readable(title)[:MAX_TITLE] or info.title,
        "classes": json.dumps(class_names(names, len(info.classes))),
    }
    with store.transaction() as connection:
        connection.execute(_TABLE.update().where(_is(owner, digest)).values(**changes))


def users(store: Store, owner: str, digest: str, active: bool = False) -> int:
    """The number of the owner's runs that name the set; with `active` those that wait or train."""
    runs = schema.runs
    query = sa.select(sa.func.count()).where(
        runs.c.owner == owner, runs.c.deleted.is_(None), runs.c.experiment.contains(digest)
    )
    if active:
        query = query.where(runs.c.status.in_(ACTIVE))
    with store.transaction() as connection:
        return int(connection.execute(query).scalar() or 0)


def put_aside(store: Store, owner: str, digest: str) -> None:
    """Delete a set so that `bring_back` can undo it; `purge` removes it for good later."""
    _mark(store, owner, digest, datetime.now(UTC))


def bring_back(store: Store, owner: str, digest: str) -> None:
    """Undo `put_aside`."""
    _mark(store, owner, digest, None)


def purge(store: Store, owner: str, older_than: timedelta = KEPT_ASIDE) -> None:
    """Remove for good the owner's sets that were put aside so long ago."""
    old = _TABLE.c.deleted < datetime.now(UTC) - older_than
    with store.transaction() as connection:
        connection.execute(_TABLE.delete().where(_TABLE.c.owner == owner, old))


def _mark(store: Store, owner: str, digest: str, deleted: datetime | None) -> None:
    with store.transaction() as connection:
        connection.execute(_TABLE.update().where(_is(owner, digest)).values(deleted=deleted))


def _is(owner: str, digest: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.owner == owner) & (_TABLE.c.digest == digest)


_INFO = ("digest", "title", "classes", "train", "test", "bytes", "created")


def _infos() -> sa.Select[tuple[object, ...]]:
    return sa.select(*(_TABLE.c[name] for name in _INFO))


def _info(row: sa.Row[tuple[object, ...]]) -> SetInfo:
    values = row._asdict()
    return SetInfo(**values | {"classes": tuple(json.loads(values["classes"]))})
