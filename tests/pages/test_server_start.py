"""What a server takes from its secrets when it starts, and when they change."""

from __future__ import annotations

import os

import pytest

from mnist_core.visitors import limits
from pages.session import server_start


class Secrets(dict[str, object]):
    def load_if_toml_exists(self) -> bool:
        return True


@pytest.mark.parametrize("public", [True, False])
def test_true_and_false_in_the_secrets_are_settings(monkeypatch, public: bool) -> None:
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "0" if public else "1")
    monkeypatch.delenv("OTHER", raising=False)
    secrets = Secrets({"MNIST_LAB_PUBLIC": public, "OTHER": True, "auth": {}})
    monkeypatch.setattr(server_start.st, "secrets", secrets)
    server_start._take_settings_from_secrets()
    assert limits.current().public is public
    assert "OTHER" not in os.environ
