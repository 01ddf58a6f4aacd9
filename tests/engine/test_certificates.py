"""Certificates of a cluster: found, their absence and age told in sentences."""

from __future__ import annotations

import pytest

from mnist_core.cli import doctor
from mnist_core.engine import certificates
from tests.support.certificates import make


def test_what_a_worker_is_given_is_the_certificate_of_this_start():
    first, second = certificates.of_this_start(), certificates.of_this_start()
    assert first.tls_worker_key != second.tls_worker_key
    given = certificates.from_json(certificates.to_json(first))
    assert given.require_encryption and "\n" not in certificates.to_json(first)
    assert given.get_tls_config_for_role("worker") == first.get_tls_config_for_role("worker")


@pytest.mark.parametrize("address", ["tcp://boss:8786", "10.0.0.7:8786", "tcp://[::]:1", "ws://a"])
def test_a_scheduler_without_tls_on_a_network_is_warned_of(address):
    assert address in certificates.warning_about(address)


@pytest.mark.parametrize("address", ["tls://boss:8786", "tcp://127.0.0.1:1", "tcp://localhost:2",
                                     "tcp://[::1]:3"])  # fmt: skip
def test_others_are_not(address):
    assert certificates.warning_about(address) is None


def test_a_clusters_folder_is_used_and_its_faults_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_SCHEDULER", "tls://boss:8786")
    monkeypatch.setenv(certificates.SETTING, str(tmp_path / "certificates"))

    def said() -> str:
        return doctor.examined("network", doctor.network).text

    assert "there is no cert.pem" in said()
    folder = make(tmp_path / "certificates")
    assert certificates.of_the_cluster().tls_client_key == str(folder / "key.pem")
    assert "listens to those with a certificate" in said()
    (folder / "key.pem").chmod(0o644)
    assert "chmod 600" in said()
    make(folder, days=3)
    (folder / "key.pem").chmod(0o600)
    assert "Make a new one" in said()
    monkeypatch.setenv("MNIST_LAB_SCHEDULER", "tcp://boss:8786")
    assert "without TLS" in said()
