"""A shared server's pages by AppTest: nothing of another visitor's is in what is sent."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.proto.Navigation_pb2 import Navigation
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.testing.v1 import AppTest

from mnist_core.base.paths import REPOSITORY
from mnist_core.experiment import search_space
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.study import StudySpec
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.visitors import heartbeat, visitors
from mnist_core.visitors.identity import owner_of, owner_of_account
from pages.session import visitor
from pages.session.inspect_state import VIEWS as INSPECT_VIEWS
from tests.support.rows import everything
from tests.support.runs_in_store import SMALL, ended_run

HERS, HIS = "a" * 43, "b" * 43
SECRET = "Ariadne"


@pytest.fixture(autouse=True)
def public(home, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def her_run() -> str:
    """Her run, her study and her corrections, each with a name that nobody else may see."""
    store = Store()
    named = Experiment.from_json(SMALL.to_json()).model_copy(update={"name": SECRET})
    run = ended_run(store, named, owner=owner_of(HERS))
    store.annotate(run, [f"{SECRET} tag"], f"{SECRET} note")
    spec = StudySpec(
        base=SMALL, vary=(search_space.vary(search_space.knobs(SMALL)[0]),), name=f"{SECRET} study"
    )
    records.create(store, spec, owner_of(HERS))
    store.close()
    return run


def visit(page: str, token: str, state: dict[str, object] | None = None, **query: str) -> AppTest:
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
    app.switch_page(f"pages/{page}.py")
    app.session_state["visitor_token"] = token
    for name, value in (state or {}).items():
        app.session_state[name] = value
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def sent(app: AppTest) -> str:
    """Everything that the page sends to the browser."""
    return "\n".join(str(getattr(element, "proto", "")) for element in app._tree)


EXPLORE_VIEWS = (
    ":material/table_rows: Runs",
    ":material/science: Studies",
    ":material/folder_open: Files",
)
PLACES = [
    ("learn", {}, {}),
    ("train", {}, {"run": "RUN"}),
    ("draw", {"read_with": "RUN"}, {"run": "RUN"}),
    ("status", {"status_admitted": "yes"}, {"run": "RUN"}),
    *[("inspect", {}, {"run": "RUN", "view": view, "step": "20"}) for view in INSPECT_VIEWS],
    *[("explore", {"explore_views": view}, {"run": "RUN"}) for view in EXPLORE_VIEWS],
]


@pytest.mark.parametrize(("page", "state", "query"), PLACES)
def test_no_page_shows_what_is_anothers(her_run, page, state, query):
    store = Store()
    before = everything(store)
    query = {name: value.replace("RUN", her_run) for name, value in query.items()}
    state = {name: value.replace("RUN", her_run) for name, value in state.items()}
    app = visit(page, HIS, {"shown_run": her_run, "shown_study": her_run, **state}, **query)
    text = sent(app).replace(f'"{her_run}"', "")
    assert len(text) > 500, "The page is empty"
    assert SECRET not in text
    # Only the part of the page that hands his token to his browser holds it.
    assert text.count(HIS) == 1 and HERS not in text
    assert everything(store) == before
    store.close()


@pytest.mark.parametrize("page", ["train", "inspect", "explore"])
def test_the_owner_finds_it_there(her_run, page):
    assert SECRET in sent(visit(page, HERS, run=her_run))


def test_whoever_reads_the_lesson_is_here_too(home):
    """Chapters need no store, and the tour none once it is over."""
    visit("learn", HERS, {"browser_memory": {"tour": "closed"}}, chapter="1")
    store = Store()
    assert visitors.last_seen(store, [owner_of(HERS)])
    store.close()


@pytest.fixture
def messages(monkeypatch):
    """What is sent to the browser from now on, in order."""
    heard = []
    enqueue = ScriptRunContext.enqueue

    def listen(context, message):
        heard.append(message)
        enqueue(context, message)

    monkeypatch.setattr(ScriptRunContext, "enqueue", listen)
    return heard


def test_the_browser_hears_which_page_it_is_on_before_anything_that_could_answer(messages):
    # A component's answer in the name of no page would open the first one instead of the link's.
    visit("train", HERS, projector="1")
    kinds = [
        message.delta.new_element.WhichOneof("type") or message.WhichOneof("type")
        for message in messages
    ]
    # Streamlit tells it once more where it begins with pages/train.py by itself.
    assert "navigation" in kinds
    assert "navigation" not in kinds[kinds.index("bidi_component") :]


@pytest.mark.parametrize(("ahead", "seconds"), [(1, 2.0), (4, 5.0)])
def test_the_page_of_a_run_that_waits_repeats_one_part_only(messages, ahead, seconds):
    """A class of thirty waits there: whatever repeats takes time from the one that trains."""
    store = Store()
    heartbeat.register(store, "another server", "a scheduler")
    runs = [
        store.create_run(SMALL, owner, server="another server")
        for owner in [*(f"pupil {number}" for number in range(ahead)), owner_of(HERS)]
    ]
    visit("train", HERS, {"shown_run": runs[-1], "browser_memory": {"tour": "train"}})
    waits = store.run(runs[-1])
    assert waits is not None and waits.status == "queued"
    store.close()
    asked = [message.auto_rerun for message in messages if message.HasField("auto_rerun")]
    assert {repeat.interval for repeat in asked} == {seconds}


class User(dict[str, object]):
    """`st.user` where signing in is configured."""

    __getattr__ = dict.__getitem__
    to_dict = dict.copy


def menu(messages) -> int:
    """Where the menu of the pages stands, by what was sent last about it."""
    sent = [message for message in messages if message.WhichOneof("type") == "navigation"]
    return int(sent[-1].navigation.position)


def test_nothing_of_a_page_is_sent_before_signing_in(her_run, messages, monkeypatch):
    monkeypatch.setattr(st, "user", User(is_logged_in=False))
    app = visit("train", HERS, run=her_run, projector="1")
    assert [title.value for title in app.title] == ["MNIST Lab"]
    assert [button.label for button in app.button] == ["Sign in"]
    assert menu(messages) == Navigation.Position.HIDDEN
    assert SECRET not in sent(app)
    assert app.query_params["run"] == her_run and app.query_params["projector"] == "1"


def asked_to_sign_in(auth: dict[str, object]) -> AppTest:
    """What a server with this section in its secrets shows to somebody new."""

    def page() -> None:
        from pages.session import sign_in

        sign_in.ask()

    app = AppTest.from_function(page)
    app.secrets["auth"] = auth
    return app.run()


def test_settings_for_signing_in_that_are_not_complete_are_said_in_a_sentence(caplog):
    app = asked_to_sign_in({"redirect_uri": "http://a/oauth2callback", "client_id": "b"})
    app.button(key="sign_in_default").click().run()
    assert not app.exception and "settings for it are not complete" in app.error[0].value
    assert "Signing in does not work. To use authentication" in caplog.text


def test_each_named_provider_has_its_button():
    provider = {"client_id": "a", "client_secret": "b", "server_metadata_url": "http://c"}
    app = asked_to_sign_in({"cookie_secret": "d", "google": provider, "school": provider})
    assert [each.label for each in app.button] == ["Sign in with Google", "Sign in with School"]


def test_whoever_has_signed_in_sees_their_own(messages, monkeypatch):
    ariadne = User(is_logged_in=True, iss="https://accounts.example", sub="ariadne")
    monkeypatch.setattr(st, "user", ariadne)
    store = Store()
    named = Experiment.from_json(SMALL.to_json()).model_copy(update={"name": SECRET})
    run = ended_run(store, named, owner=owner_of_account("https://accounts.example", "ariadne"))
    assert SECRET in sent(visit("train", HERS, run=run))
    assert menu(messages) == Navigation.Position.TOP
    monkeypatch.setattr(st, "user", User(is_logged_in=True, iss="elsewhere", sub="ariadne"))
    assert SECRET not in sent(visit("train", HERS, run=run))


def test_who_the_visitor_is_cannot_be_asked_outside_of_a_page():
    with pytest.raises(RuntimeError, match="only be asked on a page"):
        visitor.owner()
