"""A cluster's certificates, made as the documents say."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make(folder: Path, days: int = 3650) -> Path:
    """As "On a cluster" in docs/deploy.md does."""
    folder.mkdir(mode=0o700, exist_ok=True)
    words = f"req -x509 -newkey rsa:2048 -nodes -days {days} -subj /CN=mnist-lab".split()
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *words, *files], cwd=folder, check=True, capture_output=True)
    return folder
