"""A shared server's pages by AppTest: nothing of another visitor's is in what is sent."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.testing.v1 import AppTest

from mnist_core import visitors
from mnist_core.engine import REPOSITORY
from mnist_core.spec import Experiment
from mnist_core.store import Store
from mnist_core.sweep import records, space
from mnist_core.sweep.spec import StudySpec
from mnist_core.tokens import owner_of
from pages.shared.inspect_place import VIEWS as INSPECT_VIEWS
from tests.runs_in_store import SMALL, ended_run
from tests.test_visitors import everything

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
    spec = StudySpec(base=SMALL, vary=(space.vary(space.knobs(SMALL)[0]),), name=f"{SECRET} study")
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


def test_the_browser_hears_which_page_it_is_on_before_anything_that_could_answer(monkeypatch):
    # A component's answer in the name of no page would open the first one instead of the link's.
    kinds = []
    enqueue = ScriptRunContext.enqueue

    def listen(context, message):
        kind = message.WhichOneof("type")
        kinds.append(message.delta.new_element.WhichOneof("type") if kind == "delta" else kind)
        enqueue(context, message)

    monkeypatch.setattr(ScriptRunContext, "enqueue", listen)
    visit("train", HERS, projector="1")
    # Streamlit tells it once more where it begins with pages/train.py by itself.
    assert "navigation" in kinds
    assert "navigation" not in kinds[kinds.index("bidi_component") :]
