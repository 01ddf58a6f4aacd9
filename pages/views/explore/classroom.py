"""A class together: a teacher opens one, pupils join it with a code."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from mnist_core.classrooms import classrooms
from mnist_core.classrooms.classrooms import (
    DAYS,
    LONGEST_NICKNAME,
    LONGEST_TITLE,
    Classroom,
    ClassroomRefused,
    Membership,
)
from mnist_core.classrooms.codes import LENGTH, LONGEST_TYPED, clean, shown
from mnist_core.storage.store import StoreError
from pages.frame import projector
from pages.session import class_services
from pages.session.errors import fragment, said_later
from pages.session.explore_tabs import class_board
from pages.session.services import owner, shared_store
from pages.session.visitor import address
from pages.views.explore.class_board import REFRESH_SECONDS, board_view
from pages.widgets.copy_link import address_to_copy, page_address
from pages.widgets.escape import escaped
from pages.widgets.menu_labels import distinct

PARAMETER = "class"
_REFUSED, _CODE, _BY_LINK = "class_refused", "class_code", "class_by_link"


def follow_link() -> None:
    """Open this tab, with the code filled in, for who comes by a class's link."""
    code = st.query_params.get(PARAMETER)
    if code is not None:
        class_board()
        st.session_state[_BY_LINK] = code[:LONGEST_TYPED]
        st.session_state.pop(_CODE, None)
        del st.query_params[PARAMETER]


def view() -> None:
    """The class that this visitor teaches or is in, else the ways into one."""
    if not class_services.has_classes():
        st.info(
            "Here a class sees everyone's results on one board. That needs a server that several "
            "people share (`MNIST_LAB_PUBLIC=1`); this is a lab of your own.",
            icon=":material/groups:",
        )
        return
    if said := st.session_state.pop(_REFUSED, None):
        st.error(escaped(said), icon=":material/block:")
    taught, member = class_services.taught(), class_services.membership()
    _take_teachers_link(taught)
    if _comes_by_link(member):
        _join_form()
        if taught or member:
            st.button("Back to my class", key="class_back", on_click=_forget_link)
    elif taught:
        _teachers_view(taught)
    elif member is not None:
        _pupils_view(member)
    else:
        _ways_in()


def _ways_in() -> None:
    joining, opening = st.columns(2, gap="large")
    with joining:
        _join_form()
    with opening:
        _open_form()


def _comes_by_link(member: Membership | None) -> bool:
    """True when a link's code of another class than the visitor is in is to be used."""
    code = st.session_state.get(_BY_LINK)
    return code is not None and (member is None or clean(code) != member.classroom.code)


def _take_teachers_link(taught: list[Classroom]) -> None:
    """Show a teacher who follows the link of an own class that class."""
    code = clean(st.session_state.get(_BY_LINK, ""))
    own = next((room for room in taught if code and room.code == code), None)
    if own is not None:
        st.session_state.class_shown = own.id
        _forget_link()


def _forget_link() -> None:
    st.session_state.pop(_BY_LINK, None)


# Joining


def _join_form() -> None:
    with st.form("join_class", width=440):
        st.subheader("Join a class", anchor=False)
        # As the default, which each run sends: a value that one run sets is lost with that run.
        st.text_input(
            "Code",
            st.session_state.get(_BY_LINK, ""),
            key=_CODE,
            max_chars=LONGEST_TYPED,
            placeholder="K7TM4-QXA9B",
            help=f"{LENGTH} letters and digits, from your teacher",
        )
        st.text_input(
            "Nickname",
            key="class_nickname",
            max_chars=LONGEST_NICKNAME,
            help="All in the class see it where they see the board. Not your full name.",
        )
        st.form_submit_button("Join", key="join_class_now", type="primary",
                              icon=":material/login:", on_click=_join)  # fmt: skip
        st.caption(
            "Your runs from then on are in the class, for your teacher to see, until you leave it. "
            "What is in a class is forgotten with it; leave before to keep it."
        )


def _join() -> None:
    """Callback: enter the class, or have it said why not."""
    given, name = (str(st.session_state.get(key, "")) for key in (_CODE, "class_nickname"))
    try:
        classrooms.join(shared_store(), owner(), given, name, class_services.guesses(), address())
        _forget_link()
    except (ClassroomRefused, StoreError) as refused:
        st.session_state[_REFUSED] = str(refused)


def _pupils_view(member: Membership) -> None:
    room = member.classroom
    with st.container(key="class_head", horizontal=True, vertical_alignment="center"):
        st.markdown(f"### {escaped(room.title)} · {escaped(member.nickname)}")
        st.page_link("pages/train.py", label="Train", icon=":material/model_training:")
        st.button("Leave the class", key="leave_class", icon=":material/logout:", on_click=_leave,
                  help="Your runs stay yours and are on the board no more.")  # fmt: skip
    if room.rules and not room.shared:
        st.markdown(f":material/flag: Challenge: {room.rules.words()}.")
    st.caption(
        f"It is forgotten on {room.until:%d %B %Y}, with the runs that are in it then. Leave "
        "before to keep yours."
        + (" The teacher has ended it: new runs do not count." if room.ended else "")
    )
    if room.shared:
        board_view(room)
    else:
        # The teacher may show the board in a moment.
        st.info("Your teacher sees everyone's results on the board.", icon=":material/leaderboard:")
        fragment(_wait_for_board, run_every=REFRESH_SECONDS)()


def _wait_for_board() -> None:
    member = class_services.membership()
    if member is None or member.classroom.shared:
        st.rerun()


@said_later
def _leave() -> None:
    classrooms.leave(shared_store(), owner())


# Teaching


def _open_form() -> None:
    with st.form("open_class", width=440):
        st.subheader("Open a class", anchor=False)
        st.text_input("Name of the class", key="class_title", max_chars=LONGEST_TITLE,
                      placeholder="8b, Monday")  # fmt: skip
        st.selectbox("Forgotten after", DAYS, index=1, key="class_days",
                     format_func=lambda days: "1 day" if days == 1 else f"{days} days",
                     help="With nicknames, results and the runs in it")  # fmt: skip
        st.form_submit_button("Open", key="open_class_now", icon=":material/add:",
                              on_click=_open)  # fmt: skip
        st.caption("You get a code for the blackboard and a link. Pupils need no account.")


def _open() -> None:
    """Callback: open it, or have it said why not."""
    try:
        room = class_services.open_class(
            str(st.session_state.get("class_title", "")),
            int(st.session_state.get("class_days", DAYS[1])),
        )
        st.session_state.class_shown = room.id
    except (ClassroomRefused, StoreError) as refused:
        st.session_state[_REFUSED] = str(refused)


def _teachers_view(taught: list[Classroom]) -> None:
    room = _chosen(taught)
    with st.container(key="class_head", horizontal=True, vertical_alignment="center"):
        st.markdown(f"### {escaped(room.title)}")
        if room.ended is None:
            with st.container(key="class_code_shown", width="content"):
                st.markdown(f"## :blue[**{shown(room.code)}**]")
        else:
            st.markdown("ended")
        if not projector.is_on():
            _teachers_tools(room, taught)
    board_view(room, teaches=True)


def _chosen(taught: list[Classroom]) -> Classroom:
    known = {room.id: room for room in taught}
    return known.get(st.session_state.get("class_shown", ""), taught[0])


def _teachers_tools(room: Classroom, taught: list[Classroom]) -> None:
    with st.popover("Link", icon=":material/link:", key="class_link_open"):
        st.caption("Whoever opens it finds the code filled in, and gives a nickname.")
        address_to_copy(_link(room))
    with st.popover("Rules", icon=":material/flag:", key="class_rules_open"):
        _rules_form(room)
    st.toggle(
        "Pupils see the board",
        value=room.shared,
        key=f"class_shared_{room.id}",
        on_change=_share,
        args=(room.id,),
    )
    with st.popover("More", icon=":material/more_horiz:", key="class_more"):
        _more(room, taught)


def _link(room: Classroom) -> str:
    parts = urlsplit(page_address())
    return urlunsplit((parts.scheme, parts.netloc, parts.path, f"{PARAMETER}={room.code}", ""))


@said_later
def _share(room: str) -> None:
    shared = bool(st.session_state[f"class_shared_{room}"])
    classrooms.change(shared_store(), owner(), room, shared=shared)


def _rules_form(room: Classroom) -> None:
    st.caption("A challenge: the most accurate network within these rules wins. Empty: no rule.")
    st.number_input("Parameters, at most", 10, 5_000_000, value=room.most_parameters, step=1000,
                    key=f"class_parameters_{room.id}", placeholder="any number",
                    on_change=_set_rules, args=(room.id,))  # fmt: skip
    st.number_input("Seconds of training, at most", 1.0, 3600.0, value=room.most_seconds, step=1.0,
                    key=f"class_seconds_{room.id}", placeholder="any time", format="%g",
                    on_change=_set_rules, args=(room.id,))  # fmt: skip


@said_later
def _set_rules(room: str) -> None:
    classrooms.change(
        shared_store(),
        owner(),
        room,
        most_parameters=st.session_state[f"class_parameters_{room}"],
        most_seconds=st.session_state[f"class_seconds_{room}"],
    )


def _more(room: Classroom, taught: list[Classroom]) -> None:
    here = classrooms.pupils(shared_store(), room.id)
    if here:
        names = distinct({str(pupil.number): pupil.nickname for pupil in here})
        number = st.selectbox("Send out", list(names), index=None, format_func=names.__getitem__,
                              key=f"class_send_out_{room.id}", placeholder="a pupil")  # fmt: skip
        if number is not None:
            st.button("Send out", key="send_out", icon=":material/person_remove:",
                      on_click=_send_out, args=(room.id, int(number)),
                      help="They keep their runs. The class gets a new code: the old one lets "
                      "nobody in any more.")  # fmt: skip
    if room.ended is None:
        st.button(
            "End the class",
            key="end_class",
            icon=":material/stop_circle:",
            help="Nobody joins any more and new runs do not count. The board stays until "
            f"{room.until:%d %B %Y}.",
            on_click=_end,
            args=(room.id,),
        )
    sure = st.checkbox("Nothing in this class is needed any more", key=f"class_sure_{room.id}")
    st.button("Forget everything in it", key="forget_class", icon=":material/delete_forever:",
              disabled=not sure, on_click=_forget, args=(room.id,),
              help="Nicknames, results and the runs that are in it, for good")  # fmt: skip
    st.divider()
    if len(taught) > 1:
        titles = distinct({other.id: other.title for other in taught})
        st.selectbox("Show", list(titles), key="class_shown", format_func=titles.__getitem__,
                     index=taught.index(room))  # fmt: skip
    _open_form()


@said_later
def _send_out(room: str, number: int) -> None:
    classrooms.remove_pupil(shared_store(), owner(), room, number)


@said_later
def _end(room: str) -> None:
    classrooms.end(shared_store(), owner(), room)


@said_later
def _forget(room: str) -> None:
    st.session_state.pop("class_shown", None)
    classrooms.forget(shared_store(), owner(), room)
