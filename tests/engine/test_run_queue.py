"""Whose turn it is: nobody who comes waits for all that somebody else has queued."""

from __future__ import annotations

import pytest

from mnist_core.engine import turns
from mnist_core.engine.run_queue import Ticket, due, in_turn, queue_order
from mnist_core.storage.store import Store
from mnist_core.visitors import heartbeat
from mnist_core.visitors.visitors import Presence
from tests.support.runs_in_store import SMALL


def runs(tickets) -> str:
    return " ".join(ticket.run for ticket in tickets)


def many(address: str, count: int, **more) -> list[Ticket]:
    """Runs of as many visitors at one address."""
    return [
        Ticket(f"{address}{number}", f"{address} visitor {number}", address, **more)
        for number in range(count)
    ]


def test_first_come_first_served_among_a_visitors_own() -> None:
    assert runs(in_turn([Ticket(name, "ada") for name in "abc"], {})) == "a b c"


def test_visitors_take_turns() -> None:
    waiting = [*(Ticket(f"a{n}", "ada") for n in range(3)), Ticket("b0", "bob"), Ticket("c0", "cy")]
    assert runs(in_turn(waiting, {})) == "a0 b0 c0 a1 a2"


def test_many_visitors_of_one_address_take_turns_with_others_as_one() -> None:
    waiting = [*many("x", 25), *many("y", 2), *many("z", 1)]
    assert runs(in_turn(waiting, {})).startswith("x0 y0 z0 x1 y1 x2 x3")


def test_a_newcomer_is_next_after_whoever_was_served() -> None:
    """Also when the many have been there before, and nothing of theirs trains just now."""
    crowd, newcomer = many("x", 25), many("y", 1)
    served = dict.fromkeys(crowd[0].parties, 7)
    assert runs(in_turn([*crowd[1:], *newcomer], served)).startswith("y0 x1 x2")


def test_whoever_was_served_longest_ago_is_next() -> None:
    waiting = [Ticket(name, name) for name in ("ada", "bob", "cy")]
    served = {"at ada": 3, "at bob": 1, "at cy": 2}
    assert runs(in_turn(waiting, served)) == "bob cy ada"


def test_within_an_address_its_visitors_take_turns() -> None:
    waiting = [*(Ticket(f"a{n}", "ada", "school") for n in range(3)), Ticket("b0", "bob", "school")]
    assert runs(in_turn(waiting, {})) == "a0 b0 a1 a2"


def test_a_visitors_studies_and_single_runs_take_turns() -> None:
    trials = [Ticket(f"t{n}", "ada", study="long") for n in range(3)]
    waiting = [*trials, Ticket("u0", "ada", study="short"), Ticket("single", "ada")]
    assert runs(in_turn(waiting, {})) == "t0 u0 single t1 t2"


def test_whoever_has_a_seat_is_before_all_who_wait() -> None:
    tickets = [Ticket("new", "bob"), Ticket("old", "ada", turn=5)]
    assert runs(queue_order(tickets, {})) == "old new"


@pytest.mark.parametrize(
    ("seats", "expected"), [(0, ""), (1, ""), (2, "b"), (3, "b c"), (9, "b c d")]
)
def test_as_many_are_due_as_there_are_free_seats(seats: int, expected: str) -> None:
    tickets = [Ticket("a", "a", turn=1), Ticket("b", "b"), Ticket("c", "c"), Ticket("d", "d")]
    assert runs(due(tickets, {}, seats)) == expected


def test_who_does_not_take_their_chance_is_passed_over() -> None:
    tickets = [Ticket("a", "a"), Ticket("b", "b")]
    assert runs(due(tickets, {}, 1, passed_over=["a"])) == "b"


def test_turns_are_kept_for_all_servers_that_share_workers(store: Store) -> None:
    presence = Presence(store)
    for owner, address in (("ada", "x"), ("bob", "x"), ("cy", "y")):
        presence.notice(owner, address)
    for server, scheduler in (("s1", "one"), ("s2", "one"), ("s3", None), ("s4", None)):
        heartbeat.register(store, server, scheduler)
    assert heartbeat.sharing_workers(store, "s1") == {"s1", "s2"}
    assert heartbeat.sharing_workers(store, "s3") == {"s3"}
    names = {}
    for owner, server in (("ada", "s1"), ("bob", "s2"), ("cy", "s1"), ("dan", "s3")):
        names[store.create_run(SMALL, owner, server=server)] = owner
    waiting = turns.tickets(store, {"s1", "s2"})
    assert [(t.owner, t.address) for t in waiting] == [("ada", "x"), ("bob", "x"), ("cy", "y")]

    def next_owner() -> str:
        left = turns.tickets(store, {"s1", "s2"})
        (first, *_) = due(left, turns.served(store, left), seats=99)
        turns.give(store, first)
        return names[first.run]

    assert [next_owner() for _ in range(3)] == ["ada", "cy", "bob"]
    assert {t.turn for t in turns.tickets(store, {"s1", "s2"})} == {1, 2, 3}
    # Put into the queue again, it waits again; what was served is remembered.
    (again,) = [run for run, owner in names.items() if owner == "ada"]
    store.set_status(again, "stopped")
    store.queue_again(again, "s1")
    (waits,) = [t for t in turns.tickets(store, {"s1"}) if t.turn is None]
    assert waits.run == again and turns.served(store, [waits])["at x"] == 3
