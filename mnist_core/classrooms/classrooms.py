"""Classes and who is in them: opened, joined, left, ended, forgotten.

`store` is everyone's view of the database. A teacher's functions take the teacher's `owner` and
change nothing of a class that another has opened; a pupil is found by their own.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from mnist_core.base.untrusted import readable
from mnist_core.classrooms import codes
from mnist_core.classrooms.rules import Rules
from mnist_core.storage import schema
from mnist_core.storage.store import Store

LONGEST_TITLE, LONGEST_NICKNAME = 60, 20
MOST_PUPILS = 60
# Classes at a time: of one teacher, of all at one network address, of a whole server.
MOST_OF_TEACHER, MOST_OF_ADDRESS, MOST_OF_SERVER = 5, 100, 2_000
# After how many days a class may be forgotten.
DAYS = (1, 7, 30)
DRAWING_BYTES = 28 * 28
# Alphabets with letters that look alike.
_ALIKE = {"LATIN", "GREEK", "CYRILLIC"}
# More marks above and below one letter than any language writes.
_MOST_MARKS = 2
# Characters that are printable and cannot be seen: fillers, joiners, variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\ufe00-\ufe0f\U000e0100-\U000e01ef]")

_CLASSROOMS, _PUPILS, _RUNS = schema.classrooms, schema.pupils, schema.runs


class ClassroomRefused(RuntimeError):
    """A request about a class that cannot be met; the message is a sentence for the person."""


@dataclass(frozen=True)
class Classroom:
    """A class as it stands. `until` is when it is forgotten, `ended` when its teacher ended it.

    `shared`: pupils see the board. `drawing` is the teacher's, uint8 [28, 28] as bytes.
    """

    id: str
    code: str
    owner: str
    title: str
    created: datetime
    until: datetime
    ended: datetime | None
    shared: bool
    most_parameters: int | None
    most_seconds: float | None
    drawing: bytes | None

    @property
    def rules(self) -> Rules:
        """Those of its challenge."""
        return Rules(self.most_parameters, self.most_seconds)


@dataclass(frozen=True)
class Pupil:
    """Somebody in a class."""

    number: int
    nickname: str
    joined: datetime


@dataclass(frozen=True)
class Membership:
    """The class that a visitor is in, and as whom."""

    classroom: Classroom
    nickname: str


# A teacher's


def open_classroom(
    store: Store, owner: str, title: str, days: int = DAYS[1], address: str | None = None
) -> Classroom:
    """Open a class that is forgotten after so many days. Raises ClassroomRefused.

    `address` is the digest of the network address that the teacher comes from.
    """
    title = _words(title, LONGEST_TITLE, "The class’s name")
    if days not in DAYS:
        raise ClassroomRefused(f"A class is kept for {', '.join(map(str, DAYS))} days.")
    with store.transaction() as connection:
        count = sa.select(sa.func.count()).select_from(_CLASSROOMS)
        theirs = count.where(_CLASSROOMS.c.owner == owner)
        if connection.execute(theirs).scalar_one() >= MOST_OF_TEACHER:
            raise ClassroomRefused(
                f"You have {MOST_OF_TEACHER} classes, as many as one may have. Forget one first."
            )
        visitor = schema.visitors.c
        there = sa.select(visitor.owner).where(visitor.address == address)
        near = count.where(_CLASSROOMS.c.owner.in_(there))
        if address is not None and connection.execute(near).scalar_one() >= MOST_OF_ADDRESS:
            raise ClassroomRefused(
                f"The visitors at your network address have {MOST_OF_ADDRESS} classes, as many as "
                "one address may have. Forget one first, or wait until one is forgotten."
            )
        if connection.execute(count).scalar_one() >= MOST_OF_SERVER:
            raise ClassroomRefused("This server has as many classes as it takes. Try again later.")
        now, classroom = datetime.now(UTC), secrets.token_urlsafe(9)
        connection.execute(
            _CLASSROOMS.insert().values(
                id=classroom,
                code=codes.new_code(),
                owner=owner,
                title=title,
                created=now,
                until=now + timedelta(days=days),
                shared=False,
            )
        )
        return _one(connection, _CLASSROOMS.c.id == classroom)


def of_teacher(store: Store, owner: str) -> list[Classroom]:
    """The classes that this visitor has opened, the newest first."""
    with store.transaction() as connection:
        return _found(connection, _CLASSROOMS.c.owner == owner)


def change(store: Store, owner: str, classroom: str, **values: Any) -> None:
    """Set `shared`, or the rules' `most_parameters` and `most_seconds`."""
    assert set(values) <= {"shared", "most_parameters", "most_seconds"}
    _update(store, owner, classroom, **values)


def show_drawing(store: Store, owner: str, classroom: str, image: bytes) -> None:
    """Give a drawing, uint8 [28, 28] as bytes, to everyone's network to read."""
    if len(image) != DRAWING_BYTES:
        raise ValueError(f"A drawing has {DRAWING_BYTES} bytes, not {len(image)}.")
    _update(store, owner, classroom, drawing=image)


def drawing_of(store: Store, classroom: str) -> bytes | None:
    """The drawing that was shown last; None without one, or without the class."""
    query = sa.select(_CLASSROOMS.c.drawing).where(_CLASSROOMS.c.id == classroom)
    with store.transaction() as connection:
        return connection.execute(query).scalar()


def remove_pupil(store: Store, owner: str, classroom: str, number: int) -> None:
    """Send a pupil out, who keeps their runs; the class gets a new code, which they do not know."""
    hers = sa.exists().where(_is_teachers(owner, classroom))
    with store.transaction() as connection:
        this = (_PUPILS.c.number == number) & (_PUPILS.c.classroom == classroom)
        if connection.execute(_PUPILS.delete().where(this, hers)).rowcount:
            room = _CLASSROOMS.c.id == classroom
            connection.execute(_CLASSROOMS.update().where(room).values(code=codes.new_code()))


def end(store: Store, owner: str, classroom: str) -> None:
    """Nobody joins any more and new runs do not count; the board stays until it is forgotten."""
    now = sa.literal(datetime.now(UTC), schema.UtcTime)
    _update(store, owner, classroom, ended=sa.func.coalesce(_CLASSROOMS.c.ended, now))


def forget(store: Store, owner: str, classroom: str) -> None:
    """End a class and let everything in it go as soon as nothing in it trains."""
    end(store, owner, classroom)
    _update(store, owner, classroom, until=datetime.now(UTC))
    forget_due(store)


def forget_due(store: Store) -> int:
    """Remove the classes whose time is over, with the runs in them; of how many it was.

    Those who have left before keep theirs. A class in which something trains or is queued waits
    for its end, and takes no new runs meanwhile; a paused run is not waited for.
    """
    over = _CLASSROOMS.c.until <= datetime.now(UTC)
    with store.transaction() as connection:
        ended = _CLASSROOMS.update().where(over, _CLASSROOMS.c.ended.is_(None))
        connection.execute(ended.values(ended=_CLASSROOMS.c.until))
        due = _found(connection, over)
    return sum(_remove(store, classroom) for classroom in due)


def _remove(store: Store, classroom: Classroom) -> bool:
    """Remove a class with its runs and the studies that have no other; False while one trains."""
    with store.transaction() as connection:
        query = sa.select(_RUNS.c.id, _RUNS.c.status, _RUNS.c.study).where(in_class(classroom))
        runs = connection.execute(query).all()
    if any(run.status in ("queued", "running") for run in runs):
        return False
    for run in runs:
        store.delete(run.id)
    sweeps = schema.sweeps
    others = sa.exists().where(_RUNS.c.study == sweeps.c.id).correlate(sweeps)
    theirs = sweeps.c.id.in_({run.study for run in runs if run.study})
    with store.transaction() as connection:
        connection.execute(sweeps.delete().where(theirs, ~others))
        connection.execute(_PUPILS.delete().where(_PUPILS.c.classroom == classroom.id))
        connection.execute(_CLASSROOMS.delete().where(_CLASSROOMS.c.id == classroom.id))
    return True


# A pupil's


def join(
    store: Store,
    owner: str,
    code: str,
    nickname: str,
    guesses: codes.Guesses,
    address: str | None = None,
) -> Classroom:
    """Enter the class with this code; whoever is in another one leaves it.

    Raises ClassroomRefused, also where somebody seems to try codes out.
    """
    if guesses.too_many(owner, address):
        raise ClassroomRefused("Too many wrong codes came from here. Try again in ten minutes.")
    nickname = _nickname(nickname)
    wanted = codes.clean(code)
    with store.transaction() as connection:
        found = _found(connection, _CLASSROOMS.c.code == wanted) if wanted else []
        open_now = [room for room in found if not _is_over(room)]
        if not open_now:
            guesses.note(owner, address)
            raise ClassroomRefused(
                f"No class has this code. Check it: it has {codes.LENGTH} letters and digits."
                if not found
                else "This class has ended."
            )
        _enter(connection, open_now[0], owner, nickname)
    return open_now[0]


def _enter(connection: sa.Connection, room: Classroom, owner: str, nickname: str) -> None:
    others = (_PUPILS.c.classroom == room.id) & (_PUPILS.c.owner != owner)
    count = sa.select(sa.func.count()).select_from(_PUPILS).where(others)
    if connection.execute(count).scalar_one() >= MOST_PUPILS:
        raise ClassroomRefused(f"This class is full: {MOST_PUPILS} are in it.")
    known_as = _known_as(nickname)
    taken = sa.select(_PUPILS.c.number).where(others, _PUPILS.c.known_as == known_as)
    if connection.execute(taken).first() is not None:
        raise ClassroomRefused(
            f"Somebody in this class is called “{nickname}” already. Take another nickname."
        )
    joined = sa.select(_PUPILS.c.joined).where(
        _PUPILS.c.owner == owner, _PUPILS.c.classroom == room.id
    )
    # Under a new name in the same class, the runs so far stay in it.
    since = connection.execute(joined).scalar() or datetime.now(UTC)
    try:
        with connection.begin_nested():
            connection.execute(_PUPILS.delete().where(_PUPILS.c.owner == owner))
            connection.execute(
                _PUPILS.insert().values(
                    classroom=room.id,
                    owner=owner,
                    nickname=nickname,
                    known_as=known_as,
                    joined=since,
                )
            )
    except IntegrityError:
        # Another browser tab, or another pupil, was first in this moment; or the class is gone.
        raise ClassroomRefused("You could not be let in just now. Try again.") from None


def of_pupil(store: Store, owner: str) -> Membership | None:
    """The class that this visitor is in, None without one."""
    columns = [*_COLUMNS, _PUPILS.c.nickname]
    query = sa.select(*columns).join(_PUPILS, _PUPILS.c.classroom == _CLASSROOMS.c.id)
    with store.transaction() as connection:
        row = connection.execute(query.where(_PUPILS.c.owner == owner)).one_or_none()
    if row is None:
        return None
    values = row._asdict()
    nickname = values.pop("nickname")
    return Membership(Classroom(**values), nickname)


def leave(store: Store, owner: str) -> None:
    """Leave the class; the runs stay the visitor's own and are on its board no more."""
    with store.transaction() as connection:
        connection.execute(_PUPILS.delete().where(_PUPILS.c.owner == owner))


# What both see


def pupils(store: Store, classroom: str) -> list[Pupil]:
    """The pupils of a class, in the order in which they came."""
    columns = [_PUPILS.c[field.name] for field in fields(Pupil)]
    query = sa.select(*columns).where(_PUPILS.c.classroom == classroom)
    with store.transaction() as connection:
        rows = connection.execute(query.order_by(_PUPILS.c.number)).all()
    return [Pupil(**row._asdict()) for row in rows]


def in_class(classroom: Classroom) -> sa.ColumnElement[bool]:
    """Condition on the runs table: begun here by who is in the class, since they joined it.

    Of a class that has ended only those that were queued before: not those continued afterwards.
    """
    theirs = sa.exists().where(
        _PUPILS.c.classroom == classroom.id,
        _PUPILS.c.owner == _RUNS.c.owner,
        _PUPILS.c.joined <= _RUNS.c.created,
    )
    # `server` says where a run was last queued: a file's run has one once it is continued here.
    begun_here = sa.func.coalesce(_RUNS.c.begun_on, _RUNS.c.server) != ""
    found = theirs.correlate(_RUNS) & begun_here
    if classroom.ended is None:
        return found
    return found & (sa.func.coalesce(_RUNS.c.queued, _RUNS.c.created) <= classroom.ended)


_COLUMNS = [_CLASSROOMS.c[field.name] for field in fields(Classroom)]


def _found(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Classroom]:
    query = sa.select(*_COLUMNS).where(condition).order_by(_CLASSROOMS.c.number.desc())
    return [Classroom(**row._asdict()) for row in connection.execute(query)]


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Classroom:
    return _found(connection, condition)[0]


def _update(store: Store, owner: str, classroom: str, **values: Any) -> None:
    with store.transaction() as connection:
        this = _is_teachers(owner, classroom)
        connection.execute(_CLASSROOMS.update().where(this).values(**values))


def _is_teachers(owner: str, classroom: str) -> sa.ColumnElement[bool]:
    return (_CLASSROOMS.c.id == classroom) & (_CLASSROOMS.c.owner == owner)


def _is_over(classroom: Classroom) -> bool:
    return classroom.ended is not None or classroom.until <= datetime.now(UTC)


def _words(text: str, longest: int, what: str) -> str:
    """A name that somebody gave, of one line. Raises ClassroomRefused."""
    name = " ".join(readable(text[: 10 * longest]).split())
    if not 1 <= len(name) <= longest:
        raise ClassroomRefused(f"{what} has 1 to {longest} characters.")
    return name


def _nickname(text: str) -> str:
    """A nickname that cannot pass for another one at a glance. Raises ClassroomRefused.

    It is composed (NFKC), so that one name has one spelling.
    """
    composed = unicodedata.normalize("NFKC", text[: 10 * LONGEST_NICKNAME])
    seen = unicodedata.normalize("NFKC", _UNSEEN.sub("", composed))
    name = _words(seen, LONGEST_NICKNAME, "A nickname")
    alphabets = {unicodedata.name(letter, "").partition(" ")[0] for letter in name}
    if len(alphabets & _ALIKE) > 1:
        raise ClassroomRefused(
            "This nickname mixes letters of several alphabets. Write it in one: Latin, Greek or "
            "Cyrillic."
        )
    marks = "".join("m" if unicodedata.category(c).startswith("M") else "." for c in name)
    if "m" * (_MOST_MARKS + 1) in marks or marks.startswith("m"):
        raise ClassroomRefused(
            "This nickname has too many accents on one letter. Take one without them."
        )
    return name


def _known_as(nickname: str) -> str:
    """The nickname by which two are told apart: without regard to case."""
    return unicodedata.normalize("NFKC", nickname.casefold())
