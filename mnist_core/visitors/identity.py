"""By what a shared server knows its visitors: a long random token, or an account.

The database holds only a digest of it, as the owner of the visitor's runs.
"""

from __future__ import annotations

import hashlib
import re
import secrets

LOCAL_OWNER = "local"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """256 random bits as 43 letters."""
    return secrets.token_urlsafe(32)


def is_token(text: object) -> bool:
    """True when this may be a token of `new_token`."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


def owner_of(token: str) -> str:
    """The owner that the holder of a token is; the token does not follow from it."""
    return "visitor-" + hashlib.sha256(token.encode()).hexdigest()


def owner_of_account(issuer: str, subject: str) -> str:
    """The owner that an account is, as the service for signing in names it."""
    return "account-" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()
