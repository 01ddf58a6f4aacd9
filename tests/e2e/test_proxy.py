"""Behind nginx under a path, as deploy/nginx.conf says: no page knows the difference."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from benchmarks._digits import DIGITS
from mnist_core import PRESETS, Experiment
from tests.e2e.helpers import (
    draw,
    open_page,
    part,
    press,
    wait_for_digit,
    wait_for_status,
    wait_until,
)
from tests.e2e.server import running
from tests.support.data_sets import bars, npz, parts
from tests.support.nginx import nginx

PATH = "lab"
# Chromium finds it on this machine, and it is none of the names that Streamlit always lets in.
HOST = "site.localhost"

# What nginx notes when the browser goes elsewhere before the app has answered.
GONE = 499


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app, told of its path; a browser reaches it through nginx alone."""
    folder = tmp_path_factory.mktemp("proxied")
    settings = {"STREAMLIT_SERVER_BASE_URL_PATH": PATH, "MNIST_LAB_PUBLIC": "1"}
    home, log = folder / "home", folder / "server.log"
    with running(home, log, settings) as own, nginx(own.port) as proxy:
        own.url = f"http://{HOST}:{proxy.port}/{PATH}"
        own.proxy = proxy
        own.closed = set()  # what a test asks for to see it refused
        yield own
        refused = [asked for asked in proxy.asked() if asked[0] >= 400 and asked[0] != GONE]
        refused = [asked for asked in refused if asked[1] not in own.closed]
        assert refused == [] and proxy.complaints() == ""


def go_to(page, name: str, path: str) -> None:
    """By the menu at the top."""
    page.get_by_role("link", name=name, exact=True).first.click()
    here = f"/{PATH}/{path}"
    wait_until(lambda: page.evaluate("location.pathname") == here, 20, f"{name} was not reached")


def all_links(page) -> list[str]:
    """Where the links of the lesson's first page lead; none before its cards are there."""
    links = page.eval_on_selector_all("a[href]", "(links) => links.map((a) => a.href)")
    return links if len(links) > 10 else []


@pytest.fixture
def blocked(page):
    """What the browser says that the site's content security policy has kept from a page."""
    said = []
    page.on("console", lambda line: said.append(line.text))
    yield
    assert [line for line in said if "Content Security Policy" in line] == []


def test_headers_keep_others_from_framing_it_and_metrics_are_closed(server):
    address = f"http://127.0.0.1:{server.proxy.port}/{PATH}"  # a name only a browser finds else
    with urlopen(f"{address}/") as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    for path in ("_stcore/metrics", "_stcore/%6detrics", "train/_stcore/metrics"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{address}/{path}")
        server.closed.add(f"/{PATH}/{path}")


@pytest.mark.usefixtures("blocked")
def test_every_page_works_below_the_path(server, page):
    # A deep link to an experiment, through the address without its last stroke first.
    page.goto(server.url, wait_until="domcontentloaded")
    assert page.url == f"{server.url}/"
    experiment = Experiment.from_query("preset=two-layer&epochs=1&name=proxied")
    open_page(page, f"{server.url}/train?{experiment.to_query()}", "start_training")
    press(page, "start_training")
    wait_for_status(page, "finished", timeout=120)
    part(page, "loss_chart").locator(".js-plotly-plot").wait_for(timeout=20_000)

    # The visitor's cookie is for the app's path, not for the rest of the site.
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "mnist_lab_visitor"]
    assert cookie["path"] == f"/{PATH}"

    # The link that a page hands out leads back to the same experiment.
    page.get_by_role("button", name="The whole network").click()
    page.get_by_role("tab", name="Link").click()
    link = page.locator('[data-testid="stPopoverBody"] code:visible').first.inner_text(
        timeout=20_000
    )
    assert link.startswith(f"{server.url}/train?")
    assert Experiment.from_query(urlsplit(link).query) == experiment
    page.keyboard.press("Escape")

    go_to(page, "Look inside", "inspect")
    part(page, "moment").wait_for(timeout=60_000)
    wait_until(lambda: "run=" in page.evaluate("location.search"), 20, "The run is not in the link")

    go_to(page, "Draw", "draw")
    part(page, "canvas").wait_for(timeout=60_000)
    draw(page, *DIGITS[1])
    wait_for_digit(page, 1, 90)
    go_to(page, "Learn", "")
    links = wait_until(lambda: all_links(page), 20, "The cards of the lesson have no links")
    assert all(link.startswith(f"{server.url}/") for link in links)


@pytest.mark.usefixtures("blocked")
def test_a_file_goes_up_and_another_comes_down(server, page):
    """An upload of over 2 MB: nginx lets 1 MB through unless it is told otherwise."""
    images = npz(**parts(bars(train=6000, test=90)))
    assert len(images) > 2_000_000
    file = {"name": "bars.npz", "mimeType": "application/octet-stream", "buffer": images}
    open_page(page, f"{server.url}/explore", "explore_views")
    page.get_by_role("tab", name="Data").click()
    part(page, "data_add").locator("input[type=file]").set_input_files([file])
    part(page, "data_add").locator("textarea").wait_for(timeout=60_000)
    press(page, "keep_data")
    part(page, "data_save").wait_for(timeout=20_000)

    page.get_by_role("tab", name="Files").click()
    page.get_by_role("tab", name="Link for a class").click()
    link = part(page, "class_link").locator("code").inner_text(timeout=20_000)
    assert link.startswith(f"{server.url}/train?")
    shown = Experiment.from_query(urlsplit(link).query.partition("&hide=")[0])
    assert shown in PRESETS.values()
