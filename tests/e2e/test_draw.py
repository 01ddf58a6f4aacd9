"""Draw digits with the mouse and read what the network says."""

from __future__ import annotations

import pytest

from tests.e2e.helpers import digit_read, draw, open_page, press, wait_for_digit, wait_until

DIGITS = {
    0: [
        [
            (0.50, 0.15), (0.38, 0.20), (0.30, 0.35), (0.28, 0.52), (0.32, 0.70), (0.42, 0.83),
            (0.53, 0.84), (0.64, 0.76), (0.71, 0.60), (0.72, 0.42), (0.67, 0.26), (0.58, 0.17),
            (0.50, 0.15),
        ]
    ],
    1: [[(0.52, 0.15), (0.51, 0.38), (0.50, 0.62), (0.49, 0.86)]],
    7: [[(0.27, 0.22), (0.48, 0.20), (0.72, 0.19), (0.62, 0.42), (0.53, 0.64), (0.46, 0.86)]],
}  # fmt: skip


@pytest.mark.timeout(240)
def test_digits_are_read_and_cleared(server, page):
    open_page(page, f"{server.url}/draw", "canvas")
    for digit, strokes in DIGITS.items():
        draw(page, *strokes)
        # The first prediction waits for Keras to be imported and the model to be loaded.
        wait_for_digit(page, digit, 60)
        press(page, "clear_canvas")
        wait_until(
            lambda: digit_read(page) is None, 10, "A cleared canvas still shows a prediction"
        )
        page.wait_for_timeout(500)
