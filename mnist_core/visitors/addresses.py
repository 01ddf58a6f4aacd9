"""The network address that a visitor comes from, by which a shared server counts and takes turns.

A header may say anything: it is believed only as far as the proxies in `MNIST_LAB_TRUSTED_PROXIES`
wrote it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os

SETTING = "MNIST_LAB_TRUSTED_PROXIES"
# Of a longer header only the end is looked at, which the nearest proxies wrote.
MOST_HOPS = 20
# Whoever has one IPv6 address has all of such a network.
IPV6_PREFIX = 64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


def trusted_proxies() -> tuple[Network, ...]:
    """The networks of the setting, separated by commas; what is no network is left out."""
    return _setting()[0]


def setting_problems() -> list[str]:
    """Sentences about mistakes in the setting."""
    return _setting()[1]


def _setting() -> tuple[tuple[Network, ...], list[str]]:
    found: list[Network] = []
    wrong = []
    for part in filter(None, (text.strip() for text in os.environ.get(SETTING, "").split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            wrong.append(f"{SETTING}: {part} is neither an address nor a network, and is ignored")
    return tuple(found), wrong


def visitor_address(peer: str | None, forwarded: str, trusted: tuple[Network, ...]) -> Address:
    """The address that a request comes from: the nearest hop that is none of the `trusted` proxies.

    `peer` is the connection's other end as the web server names it, None for this machine;
    `forwarded` the header X-Forwarded-For, to which each proxy adds whom it was asked by.
    """
    hops = [_parsed(text) for text in forwarded.split(",")[-MOST_HOPS:]]
    here = _parsed(peer or "") or LOOPBACK
    # Uvicorn believes whatever passes through this machine, also where no proxy is configured,
    # and looks through a longer header than we do.
    too_long = forwarded.count(",") >= MOST_HOPS
    odd = here in hops or (too_long and not _is_in(here, trusted))
    if odd and not _is_in(LOOPBACK, trusted):
        return LOOPBACK
    for hop in reversed(hops):
        if hop is None or not _is_in(here, trusted):
            break
        here = hop
    return here


def digest(address: Address) -> str:
    """The digest by which the database knows an address; an IPv6 network's is one."""
    whole = f"{address}/{IPV6_PREFIX}" if address.version == 6 else str(address)
    network = ipaddress.ip_network(whole, strict=False)
    return "address-" + hashlib.sha256(str(network).encode()).hexdigest()[:32]


def _parsed(text: str) -> Address | None:
    """An address, also with a port behind it; an IPv4 address in IPv6's form is itself."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
