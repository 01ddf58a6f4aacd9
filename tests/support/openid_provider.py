"""An OpenID provider on the loopback address, which lets in whom a test names without asking."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, PASSWORD = "mnist-lab", "known to both"


class Provider:
    """The authorization-code flow of OpenID Connect Core 1.0, section 3.1; `subject` signs in."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.subject = "ariadne"
        self.key = RSAKey.generate_key(2048, {"kid": "test", "use": "sig"})
        self.codes: dict[str, tuple[str, str | None]] = {}

    def metadata(self) -> dict[str, Any]:
        """What OpenID Connect Discovery asks for."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes on, with a code that is good once."""
        assert asked["client_id"] == CLIENT and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = (asked["redirect_uri"], asked.get("nonce"))
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        """A signed ID token in exchange for a code."""
        address, nonce = self.codes.pop(asked["code"])
        assert asked["redirect_uri"] == address
        now = int(time.time())
        claims = {
            "iss": self.address,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 600,
            "nonce": nonce,
            "name": self.subject.title(),
        }
        signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)
        return {"id_token": signed, "access_token": secrets.token_urlsafe(16),
                "token_type": "Bearer", "expires_in": 600}  # fmt: skip

    def secrets_toml(self, lab: str) -> str:
        """The section of Streamlit's secrets that a lab at this address needs."""
        return f"""
[auth]
redirect_uri = "{lab}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "{CLIENT}"
client_secret = "{PASSWORD}"
server_metadata_url = "{self.address}/.well-known/openid-configuration"
"""


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self._go_on_to(own.authorize(asked))
            elif parts.path == "/end":
                self._go_on_to(asked["post_logout_redirect_uri"])
            elif parts.path == "/keys":
                self._answer({"keys": [own.key.as_dict(private=False)]})
            else:
                assert parts.path == "/.well-known/openid-configuration"
                self._answer(own.metadata())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(own.token({name: v[0] for name, v in parse_qs(body).items()}))

        def _go_on_to(self, address: str) -> None:
            self.send_response(302)
            self.send_header("Location", address)
            self.end_headers()

        def _answer(self, content: dict[str, Any]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        own = Provider(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield own
        finally:
            server.shutdown()
