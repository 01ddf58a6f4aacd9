"""The page Train without a browser, its training pretended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.base.paths import REPOSITORY
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
from tests.support.runs import FAKE

ENGINES: list[Engine] = []


@pytest.fixture(autouse=True)
def fake_training(home, monkeypatch) -> Iterator[None]:
    """The page's own store and engine, but training that needs no TensorFlow."""
    import pages.session.services as services

    def engine(store: Store) -> Engine:
        ENGINES.append(Engine(store, trainer=FAKE))
        return ENGINES[-1]

    monkeypatch.setattr(services, "Engine", engine)
    st.cache_resource.clear()
    yield
    for opened in ENGINES:
        opened.close()
    ENGINES.clear()
    st.cache_resource.clear()


def open_page(**query: str) -> AppTest:
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/train.py").run()
    assert not app.exception, app.exception
    return app


def button(app: AppTest, label: str):
    found = [item for item in app.button if item.label == label]
    assert found, f"no button “{label}” among {[item.label for item in app.button]}"
    return found[0]


def press(app: AppTest, label: str) -> None:
    button(app, label).click().run()
    assert not app.exception, app.exception


def preset_box(app: AppTest):
    return next(box for box in app.selectbox if box.label == "Network")


def errors(app: AppTest) -> str:
    return plain_again("\n".join(item.value for item in app.error))


def plain_again(text: str) -> str:
    """What a person reads of words that `plain` has escaped."""
    return text.replace("\\", "").replace("\u2060", "")
