"""The head of a page: its parts wait for the style sheet, and it tells where the server is."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import pytest
import streamlit

from pages.streamlit_compat.first_style import LIFTED
from pages.streamlit_compat.page_head import PageHead
from pages.widgets import layout

STATIC = Path(streamlit.__file__).parent / "static"
PAGE = b"<html><head><title>A</title></head><body></body></html>"
HTML = (b"content-type", b"text/html; charset=utf-8")
ZIPPED = (b"content-encoding", b"gzip")


def answer(pieces, *headers, status=200, method="GET"):
    """What a browser gets when the app answers with these pieces: headers and body."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for place, piece in enumerate(pieces, start=1):
            more = place < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    async def send(message):
        sent.append(message)

    asyncio.run(PageHead(app)({"type": "http", "method": method}, None, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return dict(sent[0]["headers"]), body


def scripts() -> str:
    """The script that Streamlit's page begins with."""
    return "".join(file.read_text("utf-8") for file in (STATIC / "static/js").glob("index.*.js"))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_page_hides_its_block_until_the_style_sheet_lifts_that(zipped):
    body = gzip.compress(PAGE) if zipped else PAGE
    given = [HTML, (b"etag", b'"1"'), (b"last-modified", b"then"), *([ZIPPED] if zipped else [])]
    headers, page = answer([body[:20], body[20:]], *given)
    rule = re.search(rb"<style>.*</style><script>.*</script></head>", page)[0].decode()
    assert LIFTED.split(" {")[0] in rule and "visibility: hidden" in rule
    assert re.search(r"animation: unstyled \d+s;", rule), "It could hide the page for ever"
    assert headers == {HTML[0]: HTML[1], b"content-length": str(len(page)).encode()}
    assert LIFTED in layout._STYLE
    assert b"BACKEND_BASE_URL" in page


@pytest.mark.parametrize(
    ("header", "more"),
    [
        ((b"content-type", b"text/javascript"), {}),
        (HTML, {"status": 404}),
        (HTML, {"method": "HEAD"}),
    ],
)
def test_everything_else_passes_as_it_is(header, more):
    assert answer([PAGE], header, **more) == (dict([header]), PAGE)


def test_streamlit_still_fetches_the_script_of_html_when_it_is_due():
    """Where it comes with the rest, `first_style` can go."""
    assert b"</head>" in (STATIC / "index.html").read_bytes()
    assert re.search(r"lazy\)\(\(\)=>\w+\(\(\)=>import\(`\./Html\.", scripts())


def test_streamlit_still_guesses_the_server_s_address():
    """Where its page says it, or its script no longer tries one path after another, this can go."""
    assert "__streamlit" not in (STATIC / "index.html").read_text("utf-8")
    name = r"[\w$]+"
    guess = rf"BACKEND_BASE_URL\),\{{pathname:({name})\}}=.{{,50}};let ({name})=\1\.split\(`/`\)"
    assert re.search(rf"{guess}.{{,150}}\2\.pop\(\)", scripts())
