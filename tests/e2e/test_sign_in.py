"""Signing in with an account, at a lab under a path: in, found again from another browser, out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mnist_core.storage.store import Store
from mnist_core.visitors.identity import owner_of_account
from pages.streamlit_compat.selectors import with_selectors
from tests.e2e.helpers import open_page, part, press
from tests.e2e.server import Server, serving
from tests.support.openid_provider import provider
from tests.support.runs_in_store import SMALL, ended_run

MINE = "a run of ariadne’s"


@pytest.fixture
def openid():
    with provider() as own:
        yield own


@pytest.fixture
def server(home, tmp_path, openid):
    """A shared lab that knows its visitors by the provider's word."""
    settings = {
        "STREAMLIT_SERVER_BASE_URL_PATH": "lab",
        "HOME": str(tmp_path),  # Streamlit reads the secrets of the user's own folder too
    }
    own = Server(home, tmp_path / "server.log", settings)
    (tmp_path / ".streamlit").mkdir()
    secrets = "MNIST_LAB_PUBLIC = true\n" + openid.secrets_toml(own.url)
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    with serving(own):
        yield own


@pytest.fixture
def visit(browser):
    """Open a browser of its own at an address; it may go to the provider, too."""
    contexts = []

    def opened(address: str):
        size = {"width": 1280, "height": 900}
        contexts.append(browser.new_context(viewport=size, reduced_motion="reduce"))
        page = contexts[-1].new_page()
        open_page(page, address)
        return page

    yield opened
    for context in contexts:
        context.close()


def signed_in(page) -> None:
    press(page, "sign_in_default")
    page.get_by_role("link", name="Train", exact=True).first.wait_for(timeout=60_000)


def test_an_account_is_found_again_from_another_browser(server, openid, visit):
    store = Store()
    named = SMALL.model_copy(update={"name": MINE})
    ended_run(store, named, owner=owner_of_account(openid.address, "ariadne"))
    store.close()
    for _ in range(2):
        page = visit(server.url)
        part(page, "sign_in_default").wait_for(state="attached", timeout=60_000)
        assert page.get_by_role("link", name="Train", exact=True).count() == 0
        # Seen as soon as it has come: nothing hides it any more.
        shown = page.locator(with_selectors(":st(page)"))
        expect(shown).to_have_css("animation-name", "none", timeout=5_000)
        signed_in(page)
        open_page(page, f"{server.url}/explore", "runs_table")
        part(page, "runs_table").wait_for(timeout=20_000)

    # Out again: the account's page stays behind the button.
    page.get_by_role("button", name="Help").click()
    page.get_by_text("Signed in as Ariadne").wait_for(timeout=20_000)
    press(page, "sign_out")
    part(page, "sign_in_default").wait_for(timeout=60_000)

    # Another account sees nothing of it.
    openid.subject = "theseus"
    other = visit(server.url)
    signed_in(other)
    open_page(other, f"{server.url}/explore", "explore_views")
    other.get_by_text("There are none yet").wait_for(timeout=20_000)
    assert not part(other, "runs_table").count()
