"""Certificates by which the app, its scheduler and its workers know each other (TLS).

Whoever connects to a Dask scheduler or worker can run code there, so that both listen only to
those who hold a certificate. On one computer it is made anew at each start and never written to
a place where others can read it; a cluster's lies in the folder that `SETTING` names, as
docs/deploy.md says.
"""

from __future__ import annotations

import ipaddress
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from distributed.security import Security

# The folder with a cluster's certificate and its key, the same on all of its machines.
SETTING = "MNIST_LAB_CERTIFICATES"
CERTIFICATE, KEY = "cert.pem", "key.pem"
VALID = timedelta(days=3650)
ENDS_SOON = timedelta(days=30)
OPEN_SCHEDULER = (
    "The scheduler at {} is reached without TLS: whoever can connect to it can run code on every "
    "machine of the cluster. Use tls:// with certificates: “On a cluster” in docs/deploy.md."
)


class Missing(Exception):
    """A certificate or key that is not where it should be; the message is a sentence."""


def of_this_start() -> Security:
    """Make a certificate that exists in memory only, for the scheduler, its worker and the app.

    As `Security.temporary` of Dask does, except that it is valid before now and for years, so that
    processes go on finding each other when the clock is set.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mnist-lab")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .sign(key, hashes.SHA256())
    )
    return _in_memory(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _in_memory(certificate: str, key: str) -> Security:
    """All roles show the one certificate, which is its own authority. Both as PEM."""
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )


def of_the_cluster() -> Security:
    """The certificates that `SETTING` names, or those of Dask's own configuration.

    Raises Missing.
    """
    folder = _folder()
    if folder is None:
        return Security()
    for name in (CERTIFICATE, KEY):
        if not os.access(folder / name, os.R_OK):
            raise Missing(f"{SETTING} names {folder}, where there is no {name} that can be read.")
    certificate, key = str(folder / CERTIFICATE), str(folder / KEY)
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        tls_client_cert=certificate,
        tls_client_key=key,
    )


def problem() -> str | None:
    """A sentence when a cluster's key is open to others or its certificate ends soon.

    Raises Missing.
    """
    folder = _folder()
    if folder is None:
        return None
    of_the_cluster()
    if os.name == "posix" and (folder / KEY).stat().st_mode & 0o077:
        return f"Others on this machine can read {folder / KEY}. Close it: “chmod 600 key.pem”."
    certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    if certificate.not_valid_after_utc - datetime.now(UTC) < ENDS_SOON:
        return (
            f"The certificate in {folder} ends on {certificate.not_valid_after_utc:%Y-%m-%d}. "
            "Make a new one: “On a cluster” in docs/deploy.md."
        )
    return None


def _folder() -> Path | None:
    chosen = os.environ.get(SETTING, "").strip()
    return Path(chosen).expanduser() if chosen else None


def to_json(security: Security) -> str:
    """The part of `of_this_start` that a worker needs, on one line."""
    worker = security.get_tls_config_for_role("worker")
    return json.dumps({"certificate": worker["cert"], "key": worker["key"]})


def from_json(text: str) -> Security:
    """The inverse of `to_json`."""
    found = json.loads(text)
    return _in_memory(found["certificate"], found["key"])


def warning_about(scheduler: str) -> str | None:
    """A sentence when a scheduler's address is open to a network without TLS."""
    address = urlsplit(scheduler if "://" in scheduler else f"tcp://{scheduler}")
    if address.scheme == "tls" or _is_loopback(address.hostname or ""):
        return None
    return OPEN_SCHEDULER.format(scheduler)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
