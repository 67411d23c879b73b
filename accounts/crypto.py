"""How secrets are kept that must be shown or used again: encrypted, so that the database alone is useless.

Keys are looked up by a keyed digest as well.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

KEYS = "api-key-value"


def _derived(purpose: str) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), purpose.encode(), "sha256")


def digest(value: str) -> str:
    """64 hex digits that only this site's secret can make from ``value``."""
    return hmac.new(_derived("api-key-digest"), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def encrypt(value: str, purpose: str = KEYS) -> str:
    return _cipher(_derived(purpose)).encrypt(value.encode()).decode("ascii")


def decrypt(token: str, purpose: str = KEYS) -> str | None:
    """The value, or ``None`` when the site's secret has changed since it was stored."""
    try:
        return _cipher(_derived(purpose)).decrypt(token.encode("ascii")).decode()
    except InvalidToken:
        return None
