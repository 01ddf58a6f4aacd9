"""The main pages in Firefox: they stand, figures move, and no label of a button is cut."""

from __future__ import annotations

import pytest

from tests.support.firefox import Firefox, find_firefox, running_firefox


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    program = find_firefox()
    assert program is not None, "The tests need Firefox: run “make browser”."
    with running_firefox(program, tmp_path_factory.mktemp("firefox")) as found:
        found.size(1366, 768)
        yield found


# Buttons that open a popover, whose words end in an ellipsis, or are cut by more than one sees.
_CUT = """[...document.querySelectorAll(
  '[data-testid="stPopoverButton"] [data-testid="stMarkdownContainer"]')]
  .filter((box) => {
    const [words, room] = [box.firstElementChild, box].map((e) => e.getBoundingClientRect().width);
    const spare = getComputedStyle(box).textOverflow === "ellipsis" ? 0 : 0.5;
    return room > 1 && words > room + spare;
  }).map((box) => box.textContent)"""


def there(firefox: Firefox, url: str, key: str) -> None:
    """Open a page, and wait for a part of it and for the end of its script."""
    firefox.open(url)
    firefox.wait_for(f"!!document.querySelector('.st-key-{key}')")
    firefox.wait_for("document.querySelector('.stApp').dataset.testScriptState === 'notRunning'")
    firefox.wait_for("document.fonts.status === 'loaded'")
    assert not firefox.evaluate("document.querySelectorAll('[data-testid=stException]').length")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/", "home_flow"),
        ("/?chapter=7", "player_descent"),
        ("/train", "start_training"),
        ("/inspect", "run_picker"),
        ("/draw", "canvas"),
        ("/explore", "explore_views"),
    ],
)
def test_no_label_of_a_popover_is_cut(server, firefox, path, key):
    there(firefox, server.url + path, key)
    firefox.wait_for(f"({_CUT}).length === 0")  # once fonts and style sheets are there


def test_the_balls_descend(server, firefox):
    there(firefox, f"{server.url}/?chapter=7", "player_descent")
    slider = (
        "[...document.querySelectorAll('.st-key-player_descent *')].map((e) => e.shadowRoot)"
        ".find(Boolean)?.querySelector('input')"
    )
    firefox.wait_for(f"Number({slider}?.value) > 0")
    firefox.wait_for(f"{slider}.value === {slider}.max")
