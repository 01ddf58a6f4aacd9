"""Where a visitor comes from: a header counts only as far as a trusted proxy wrote it."""

from __future__ import annotations

import pytest

from mnist_core.visitors.addresses import (
    SETTING,
    digest,
    setting_problems,
    trusted_proxies,
    visitor_address,
)

ME, FORGED = "203.0.113.9", "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        (ME, "", "", ME),
        # Whoever connects directly may say what they like.
        (ME, FORGED, "", ME),
        (ME, FORGED, "10.0.0.0/8", ME),
        ("10.0.0.1", ME, "10.0.0.0/8", ME),
        ("10.0.0.1", f"{FORGED}, {ME}", "10.0.0.0/8", ME),
        ("10.0.0.1", f"{FORGED}, {ME}, 10.0.0.2", "10.0.0.0/8", ME),
        ("10.0.0.1", f"{ME}, 10.0.0.2", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", f"{FORGED}, nonsense", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", f"{ME}:4711", "10.0.0.1", ME),
        ("10.0.0.1", "[2001:db8::1]:4711", "10.0.0.1", "2001:db8::1"),
        ("::ffff:10.0.0.1", ME, "10.0.0.1", ME),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.0/8", "10.0.0.3"),
        # As Streamlit names this machine, and as Uvicorn has put a header's word in its place.
        (None, "", "", "127.0.0.1"),
        (FORGED, FORGED, "", "127.0.0.1"),
        (FORGED, f"{FORGED}, {', '.join(['127.0.0.1'] * 20)}", "", "127.0.0.1"),
        (ME, f"{FORGED}, {ME}", "127.0.0.1", ME),
        ("10.0.0.2", f"{FORGED}, {ME}, 10.0.0.2", "127.0.0.1, 10.0.0.2", ME),
    ],
)
def test_the_nearest_hop_that_is_no_trusted_proxy(
    monkeypatch, peer, forwarded, trusted, expected
) -> None:
    monkeypatch.setenv(SETTING, trusted)
    assert str(visitor_address(peer, forwarded, trusted_proxies())) == expected


def test_a_very_long_header_is_read_from_its_end(monkeypatch) -> None:
    monkeypatch.setenv(SETTING, "10.0.0.0/8")
    header = ", ".join([FORGED] * 100_000 + [ME])
    assert str(visitor_address("10.0.0.1", header, trusted_proxies())) == ME


def test_what_is_no_network_is_said_and_left_out(monkeypatch) -> None:
    monkeypatch.setenv(SETTING, "10.0.0.1/8, proxy.example, ::1")
    assert [str(network) for network in trusted_proxies()] == ["10.0.0.0/8", "::1/128"]
    assert "proxy.example is neither an address nor a network" in setting_problems()[0]


def test_an_address_is_not_kept_as_it_is_and_an_ipv6_network_is_one() -> None:
    one, two = (visitor_address(f"2001:db8:0:1::{n}", "", ()) for n in (1, 2))
    other = visitor_address("2001:db8:0:2::1", "", ())
    assert digest(one) == digest(two) != digest(other)
    assert ME not in digest(visitor_address(ME, "", ())) and len(digest(one)) <= 64
