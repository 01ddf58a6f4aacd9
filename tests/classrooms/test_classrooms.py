"""A class: opened, joined, left, ended, forgotten; nobody reaches another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_core import Experiment
from mnist_core.classrooms import board, classrooms
from mnist_core.classrooms.board import misread_most, read_board
from mnist_core.classrooms.classrooms import (
    MOST_OF_TEACHER,
    MOST_PUPILS,
    ClassroomRefused,
    join,
    of_pupil,
    of_teacher,
    open_classroom,
    pupils,
)
from mnist_core.classrooms.codes import Guesses
from mnist_core.classrooms.rules import Rules
from mnist_core.storage import schema
from mnist_core.storage.store import Store
from mnist_core.training import misread
from mnist_core.training.events import Epoch, Finished, Started, Steps
from mnist_core.visitors.visitors import Forgetting

SMALL = Experiment.from_query("layers=flatten;dense(units:4)")
LARGE = Experiment.from_query("layers=flatten;dense(units:64)")
TEACHER, ADA, BEN = "visitor-teacher", "visitor-ada", "visitor-ben"


@pytest.fixture
def guesses() -> Guesses:
    return Guesses()


def trained(
    store: Store,
    owner: str,
    accuracy: float = 0.9,
    experiment: Experiment = SMALL,
    wrong: tuple[int, ...] = (),
    seconds: float = 2.0,
    server: str = "here",
) -> str:
    """A run that has ended here; it reads the test images `wrong` as one more than they are."""
    labels = np.zeros(100, np.uint8)
    read = labels.copy()
    read[list(wrong)] = 1
    run = store.create_run(experiment, owner, server=server)
    one = np.ones(1, np.float32)
    store.record(run, Started(1, 1, 7))
    store.record(run, Steps(1, one, one, 0.1, 1, seconds, 1))
    store.record(run, Epoch(1, 1, 0.5, 0.7, 0.6, 0.8, 1.5))
    told = misread.pack(labels, read)
    store.record(run, Finished(1, 1, 0.3, accuracy, "epochs", seconds, misread=told))
    return run


def test_a_class_from_its_code_to_its_board(database: Store, guesses):
    room = open_classroom(database, TEACHER, "  8b,\nMonday ")
    assert room.title == "8b, Monday" and not room.shared
    trained(database, ADA)  # before she came: her own
    join(database, ADA, room.code.lower(), "Ada", guesses)
    join(database, BEN, room.code, "Ben", guesses)
    assert of_pupil(database, ADA).classroom == room and of_pupil(database, TEACHER) is None
    first, best = trained(database, ADA, 0.95), trained(database, ADA, 0.97)
    last = trained(database, ADA, 0.5)
    seen = read_board(database, room)
    assert seen.nicknames == ("Ada", "Ben")
    assert [entry.run for entry in seen.entries] == [last, best, first]
    assert [entry.run for entry in seen.newest()] == [last]
    assert [(e.run, e.accuracy, e.final, e.parameters) for e in seen.best()] == [
        (best, 0.97, True, SMALL.network.parameters)
    ]


def test_rules_are_checked(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    classrooms.change(database, TEACHER, room.id, most_parameters=5_000, most_seconds=10.0)
    join(database, ADA, room.code, "Ada", guesses)
    room = of_pupil(database, ADA).classroom
    assert room.rules.words() == "at most 5,000 parameters, at most 10 s of training"
    trained(database, ADA, 0.99, LARGE)
    trained(database, ADA, 0.98, seconds=11.0)
    trained(database, ADA, 0.97, replace_data(SMALL))
    keeps = trained(database, ADA, 0.6)
    seen = read_board(database, room)
    assert {e.accuracy: e.broken for e in seen.entries} == {
        0.99: "50,890 parameters",
        0.98: "11.0 s of training",
        0.97: "other images than MNIST’s",
        0.6: "",
    }
    assert [entry.run for entry in seen.best()] == [keeps]


def replace_data(experiment: Experiment) -> Experiment:
    return experiment.model_copy(update={"data": "0" * 32})


def test_without_rules_none_is_broken():
    assert Rules().broken(replace_data(LARGE), 1e9) == "" and not Rules()


def test_the_digits_that_most_networks_misread(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    for owner, wrong in (("a", (3, 5)), ("b", (5, 7)), ("c", (5, 3)), ("d", ())):
        join(database, owner, room.code, owner, guesses)
        trained(database, owner, wrong=wrong)
    found = misread_most(database, read_board(database, room).best())
    assert [(item.image, item.networks, item.read) for item in found] == [
        (5, 3, ((1, 3),)),
        (3, 2, ((1, 2),)),
    ]
    assert len(misread_most(database, read_board(database, room).best(), most=1)) == 1


def test_nicknames_are_bounded_and_told_apart(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, " Ada\x00 \n", guesses)
    assert [pupil.nickname for pupil in pupils(database, room.id)] == ["Ada"]
    for name in ("", "   ", "x" * 21, "\u202e" * 30):
        with pytest.raises(ClassroomRefused, match="1 to 20"):
            join(database, BEN, room.code, name, guesses)
    with pytest.raises(ClassroomRefused, match="already"):
        join(database, BEN, room.code, "ADA", guesses)
    assert of_pupil(database, BEN) is None and of_pupil(database, ADA).nickname == "Ada"
    join(database, ADA, room.code, "Countess", guesses)  # her own name may change
    join(database, BEN, room.code, "ada", guesses)
    assert [pupil.nickname for pupil in pupils(database, room.id)] == ["Countess", "ada"]


def test_who_takes_another_name_keeps_their_runs_in_the_class(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    run = trained(database, ADA)
    join(database, ADA, room.code, "Countess", guesses)
    assert [(e.run, e.nickname) for e in read_board(database, room).entries] == [(run, "Countess")]


def test_codes_cannot_be_tried_out(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    for _ in range(10):
        with pytest.raises(ClassroomRefused, match="No class has this code"):
            join(database, BEN, "ABCDEFGH", "Ben", guesses, "address-1")
    with pytest.raises(ClassroomRefused, match="Too many wrong codes"):
        join(database, BEN, room.code, "Ben", guesses, "address-1")
    assert of_pupil(database, BEN) is None
    join(database, ADA, room.code, "Ada", guesses, "address-1")


def test_another_teacher_changes_and_sees_nothing(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    other, number = "visitor-other", pupils(database, room.id)[0].number
    classrooms.change(database, other, room.id, shared=True)
    classrooms.show_drawing(database, other, room.id, bytes(784))
    classrooms.remove_pupil(database, other, room.id, number)
    classrooms.end(database, other, room.id)
    classrooms.forget(database, other, room.id)
    assert of_teacher(database, other) == [] and of_teacher(database, TEACHER) == [room]
    theirs = open_classroom(database, other, "9a")
    classrooms.remove_pupil(database, other, theirs.id, number)
    assert len(pupils(database, room.id)) == 1
    assert read_board(database, theirs).entries == ()


def test_who_leaves_takes_the_runs_along(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    join(database, BEN, room.code, "Ben", guesses)
    hers, his = trained(database, ADA), trained(database, BEN)
    classrooms.leave(database, ADA)
    assert [entry.run for entry in read_board(database, room).entries] == [his]
    classrooms.forget(database, TEACHER, room.id)
    assert database.run(hers) is not None and database.run(his) is None
    assert of_teacher(database, TEACHER) == [] and of_pupil(database, BEN) is None


def test_whoever_joins_another_class_leaves_the_first(database: Store, guesses):
    first, second = (open_classroom(database, TEACHER, name) for name in ("8b", "9a"))
    join(database, ADA, first.code, "Ada", guesses)
    run = trained(database, ADA)
    join(database, ADA, second.code, "Ada", guesses)
    assert read_board(database, first).entries == read_board(database, second).entries == ()
    assert database.run(run) is not None


def test_an_ended_class_takes_nobody_and_counts_nothing_more(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    run = trained(database, ADA)
    classrooms.end(database, TEACHER, room.id)
    after = trained(database, ADA)
    (ended,) = of_teacher(database, TEACHER)
    assert [entry.run for entry in read_board(database, ended).entries] == [run]
    with pytest.raises(ClassroomRefused, match="has ended"):
        join(database, BEN, room.code, "Ben", guesses)
    classrooms.forget(database, TEACHER, room.id)
    assert database.run(run) is None and database.run(after) is not None


def test_a_class_whose_time_is_over_is_forgotten_once_nothing_trains(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b", days=1)
    join(database, ADA, room.code, "Ada", guesses)
    run = trained(database, ADA)
    assert classrooms.forget_due(database) == 0
    past = datetime.now(UTC)
    with database.transaction() as connection:
        connection.execute(schema.classrooms.update().values(until=past))
    database.set_status(run, "running")
    assert classrooms.forget_due(database) == 0
    database.set_status(run, "finished")
    assert classrooms.forget_due(database) == 1
    assert database.run(run) is None and pupils(database, room.id) == []


def test_what_came_from_a_file_does_not_count(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    opened = trained(database, ADA, server="")
    assert read_board(database, room).entries == ()
    database.queue_again(opened, "here")  # nor once it is continued here
    assert read_board(database, room).entries == ()


def test_a_run_of_an_earlier_version_still_counts(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    run = trained(database, ADA)
    trained(database, ADA, server="")
    with database.transaction() as connection:
        connection.execute(schema.runs.update().values(begun_on=None))
    assert [entry.run for entry in read_board(database, room).entries] == [run]


def test_what_is_continued_after_the_end_does_not_count(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    run, other = trained(database, ADA), trained(database, ADA)
    classrooms.end(database, TEACHER, room.id)
    database.queue_again(run, "here")
    (ended,) = of_teacher(database, TEACHER)
    assert [entry.run for entry in read_board(database, ended).entries] == [other]


def test_a_damaged_run_hides_no_other(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    damaged, whole = trained(database, ADA), trained(database, ADA)
    with database.transaction() as connection:
        this = schema.runs.c.id == damaged
        connection.execute(schema.runs.update().where(this).values(experiment="{"))
    assert [entry.run for entry in read_board(database, room).entries] == [whole]


def test_a_busy_pupil_pushes_nobody_off_the_board(database: Store, guesses, monkeypatch):
    monkeypatch.setattr(board, "MOST_RUNS_OF_PUPIL", 2)
    room = open_classroom(database, TEACHER, "8b")
    join(database, BEN, room.code, "Ben", guesses)
    join(database, ADA, room.code, "Ada", guesses)
    his = trained(database, BEN)
    hers = [trained(database, ADA) for _ in range(3)]
    assert [entry.run for entry in read_board(database, room).entries] == [*hers[:0:-1], his]


def test_an_accuracy_on_test_images_comes_before_one_on_validation_images(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    ended, trains = trained(database, ADA, 0.7), trained(database, ADA, 0.9)
    database.set_status(trains, "running", test_accuracy=None)  # 0.8 on validation images
    assert [entry.run for entry in read_board(database, room).best()] == [ended]


def test_an_address_has_so_many_classes(database: Store, monkeypatch):
    monkeypatch.setattr(classrooms, "MOST_OF_ADDRESS", 2)
    now = datetime.now(UTC)
    with database.transaction() as connection:
        for owner, address in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "y")):
            row = {"owner": owner, "seen": now, "address": address}
            connection.execute(schema.visitors.insert().values(**row))
    for owner in ("a", "b"):
        open_classroom(database, owner, "8b", address="x")
    with pytest.raises(ClassroomRefused, match="network address"):
        open_classroom(database, "c", "8b", address="x")
    assert open_classroom(database, "d", "8b", address="y")


def test_a_class_whose_time_is_over_has_ended_and_waits_for_no_paused_run(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    run = trained(database, ADA)
    past = datetime.now(UTC)
    with database.transaction() as connection:
        connection.execute(schema.classrooms.update().values(until=past))
    database.set_status(run, "running")
    new = trained(database, ADA)
    assert classrooms.forget_due(database) == 0
    (over,) = of_teacher(database, TEACHER)
    assert over.ended == over.until
    assert [entry.run for entry in read_board(database, over).entries] == [run]
    database.set_status(run, "paused")
    assert classrooms.forget_due(database) == 1
    assert database.run(run) is None and database.run(new) is not None


def test_studies_go_with_the_class_that_has_all_their_runs(database: Store, guesses):
    now = datetime.now(UTC)
    with database.transaction() as connection:
        for study in ("all", "part"):
            row = {"id": study, "name": study, "owner": ADA, "spec": "{}", "status": "finished"}
            connection.execute(schema.sweeps.insert().values(**row, created=now))
    database.create_run(SMALL, ADA, study="part", server="here")
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    for study in ("all", "part"):
        run = database.create_run(SMALL, ADA, study=study, server="here")
        database.set_status(run, "finished")
    classrooms.forget(database, TEACHER, room.id)
    with database.transaction() as connection:
        assert connection.execute(sa.select(schema.sweeps.c.id)).scalars().all() == ["part"]


def test_nicknames_cannot_be_imitated(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Zoë", guesses)
    for name in ("Zoe\u0308", "ZOË", "\uff3aoë", "Zo\ufe0fë", "Zoe\u034f\u0308"):
        with pytest.raises(ClassroomRefused, match="already"):
            join(database, BEN, room.code, name, guesses)
    with pytest.raises(ClassroomRefused, match="several alphabets"):
        join(database, BEN, room.code, "Z\u043eë", guesses)
    for name in ("Ben" + "\u0336" * 5, "\u0301Ben"):
        with pytest.raises(ClassroomRefused, match="accents"):
            join(database, BEN, room.code, name, guesses)
    for name in ("हिंदी", "Юлія", "Nguyễn 7", "李"):
        join(database, BEN, room.code, name, guesses)


def test_a_clash_in_the_same_moment_is_no_taken_nickname(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    with database.transaction() as connection:
        gone = replace(room, id="gone")  # forgotten since it was found
        with pytest.raises(ClassroomRefused, match="Try again"):
            classrooms._enter(connection, gone, BEN, "Ben")


def test_who_is_sent_out_needs_the_new_code(database: Store, guesses):
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    classrooms.remove_pupil(database, TEACHER, room.id, pupils(database, room.id)[0].number)
    with pytest.raises(ClassroomRefused, match="No class has this code"):
        join(database, ADA, room.code, "Ada", guesses)
    (now,) = of_teacher(database, TEACHER)
    assert len(now.code) == 10 and join(database, ADA, now.code, "Ada", guesses).id == room.id


def test_bounds(database: Store, guesses, monkeypatch):
    monkeypatch.setattr(classrooms, "MOST_PUPILS", 2)
    assert MOST_PUPILS >= 40
    rooms = [open_classroom(database, TEACHER, f"class {n}") for n in range(MOST_OF_TEACHER)]
    with pytest.raises(ClassroomRefused, match="as many as one may have"):
        open_classroom(database, TEACHER, "one more")
    with pytest.raises(ClassroomRefused, match="1 to 60"):
        open_classroom(database, ADA, "x" * 61)
    with pytest.raises(ClassroomRefused, match="days"):
        open_classroom(database, ADA, "x", days=10_000)
    for owner in (ADA, BEN):
        join(database, owner, rooms[0].code, owner, guesses)
    with pytest.raises(ClassroomRefused, match="is full"):
        join(database, "visitor-third", rooms[0].code, "third", guesses)
    with pytest.raises(ValueError, match="784"):
        classrooms.show_drawing(database, TEACHER, rooms[0].id, b"x")


def test_an_absent_visitors_class_and_place_go_with_them(database: Store, guesses):
    long_ago = datetime.now(UTC) - timedelta(days=91)
    room = open_classroom(database, TEACHER, "8b")
    join(database, ADA, room.code, "Ada", guesses)
    with database.transaction() as connection:
        for owner in (TEACHER, ADA):
            connection.execute(schema.visitors.insert().values(owner=owner, seen=long_ago))
    join(database, BEN, room.code, "Ben", guesses)
    run = trained(database, BEN)
    Forgetting(database, grace_seconds=0).forget(timedelta(days=90))
    assert of_pupil(database, ADA) is None
    assert classrooms.forget_due(database) == 1
    assert of_teacher(database, TEACHER) == [] and database.run(run) is None


def test_lists_of_misread_images():
    labels = np.arange(300, dtype=np.uint32).astype(np.uint8) % 10
    read = labels.copy()
    read[[1, 299]] = [7, 9]
    images, digits = misread.unpack(misread.pack(labels, read))
    assert images.tolist() == [1, 299] and digits.tolist() == [7, 9]
    assert misread.pack(np.zeros(5000, np.uint8), np.ones(5000, np.uint8)) is None
    for data in (b"abc", bytes(5 * (misread.MOST + 1))):
        with pytest.raises(ValueError, match="no list"):
            misread.unpack(data)
    room = classrooms.Classroom("i", "c", "o", "t", datetime.now(UTC), datetime.now(UTC), None,
                                False, None, None, None)  # fmt: skip
    assert replace(room, most_parameters=1).rules.broken(SMALL) == "3,190 parameters"
