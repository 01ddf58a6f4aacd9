"""The lab in a frame of another site, as on a learning platform's page."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.support.data_sets import bars, npz, parts


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def platform(tmp_path, server):
    """A page at “localhost”, another site than “127.0.0.1”, with the lab in a frame."""
    (tmp_path / "page").mkdir()
    address = f"{server.url}/explore?embed=true"
    (tmp_path / "page" / "index.html").write_text(
        f'<h1>Lesson 3</h1><iframe id="lab" src="{address}" width="1200" height="620"></iframe>'
    )
    handler = partial(_Quiet, directory=str(tmp_path / "page"))
    site = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://localhost:{site.server_port}/"
    site.shutdown()


def test_files_are_uploaded_in_a_frame_of_another_site(platform, page) -> None:
    page.goto(platform)
    lab = page.frame_locator("#lab")
    lab.get_by_role("tab", name="Data").click(timeout=60_000)
    chooser = lab.locator("[class*=st-key-data_files] input[type=file]")
    data = npz(**parts(bars()))
    file = {"name": "bars.npz", "mimeType": "application/octet-stream", "buffer": data}
    chooser.set_input_files([file])
    expect(lab.get_by_text("3 classes, 120 training and 30 test images")).to_be_visible(
        timeout=60_000
    )
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    kept = {name: cookies[name]["sameSite"] for name in ("_streamlit_xsrf", "mnist_lab_visitor")}
    assert kept == {"_streamlit_xsrf": "None", "mnist_lab_visitor": "None"}
    expect(lab.get_by_text("keeps no cookies")).to_have_count(0)


def test_a_browser_without_cookies_in_frames_is_told_what_to_do(platform, page) -> None:
    page.add_init_script(
        "Object.defineProperty(Document.prototype, 'cookie', {get: () => '', set: () => {}})"
    )
    page.goto(platform)
    lab = page.frame_locator("#lab")
    expect(lab.get_by_text("so that no file can be uploaded")).to_be_visible(timeout=60_000)
    expect(lab.get_by_role("link", name="Open in a new tab")).to_be_visible()
    expect(lab.get_by_text("after a reload your runs are out of reach")).to_be_visible()
