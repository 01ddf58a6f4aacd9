"""Order of waiting runs: turns go round addresses, their visitors, and what each has started.

Pure functions. Whoever was served longest ago is next, so that a newcomer waits for one run and
not for all that somebody else has queued before; among equals, first come, first served.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ticket:
    """A run that waits or trains. `turn` numbers the turn it was given, None while it waits.

    `address` is the digest of its visitor's, None where that is unknown; `study` made it, if any.
    """

    run: str
    owner: str
    address: str | None = None
    study: str | None = None
    turn: int | None = None

    @property
    def parties(self) -> tuple[str, str, str]:
        """The parties that take turns, from the widest: address, visitor, study.

        A visitor whose address is unknown counts as one of their own.
        """
        place, visitor = f"at {self.address or self.owner}", f"of {self.owner}"
        return place, visitor, f"{visitor} {self.study or 'single runs'}"


def in_turn(waiting: Sequence[Ticket], served: Mapping[str, int]) -> list[Ticket]:
    """The `waiting` tickets in the order in which they will be served.

    They come in the order of being queued; `served` is the last turn of each party that had one.
    """
    last = dict(served)
    turn = max(last.values(), default=0)
    rest = [(ticket, ticket.parties) for ticket in waiting]
    order = []
    while rest:
        # The first of the smallest: of those served equally long ago the one queued first.
        chosen = min(rest, key=lambda pair: [last.get(party, 0) for party in pair[1]])
        rest.remove(chosen)
        turn += 1
        last |= dict.fromkeys(chosen[1], turn)
        order.append(chosen[0])
    return order


def queue_order(tickets: Sequence[Ticket], served: Mapping[str, int]) -> list[Ticket]:
    """All tickets: first those that have had their turn, then those that wait for it."""
    placed = [ticket for ticket in tickets if ticket.turn is not None]
    return placed + in_turn([ticket for ticket in tickets if ticket.turn is None], served)


def due(
    tickets: Sequence[Ticket],
    served: Mapping[str, int],
    seats: int,
    passed_over: Collection[str] = (),
) -> list[Ticket]:
    """The waiting tickets whose turn it is: as many as there are free `seats`.

    Each turn that was given takes a seat until its run ends, or the last of those that share it.
    `passed_over` are runs that had their chance and whose server did not take it.
    """
    return in_turn(_waiting(tickets, passed_over), served)[: max(0, _free(tickets, seats))]


def lacking(tickets: Sequence[Ticket], seats: int, passed_over: Collection[str] = ()) -> int:
    """The number of `seats` missing for all to train at once, as `due` counts them."""
    waiting = len(_waiting(tickets, passed_over))
    return max(0, min(waiting, waiting - _free(tickets, seats)))


def _waiting(tickets: Sequence[Ticket], passed_over: Collection[str]) -> list[Ticket]:
    return [t for t in tickets if t.turn is None and t.run not in passed_over]


def _free(tickets: Sequence[Ticket], seats: int) -> int:
    return seats - len({ticket.turn for ticket in tickets if ticket.turn is not None})
