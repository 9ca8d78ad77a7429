"""Secrets that stand in URLs and headers: made here, looked up by hash, and encrypted where they are shown again."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_TOKEN_BYTES = 24
_TOKEN_LETTERS = 32
_KEY_BYTES = 32
_PURPOSE = b"webhook tokens"


class TokenUnreadable(Exception):
    """A stored token does not decrypt: SECRET_KEY is not the one it was stored under; rotate the token."""


class TokenCipher:
    """Encrypts tokens for showing them again, with a key derived from SECRET_KEY."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, token: str) -> bytes:
        """Encrypt a token for storage."""
        return self._fernet.encrypt(token.encode())

    def decrypt(self, encrypted: bytes) -> str:
        """Read a stored token; raises TokenUnreadable."""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken as error:
            message = TokenUnreadable.__doc__
            raise TokenUnreadable(message) from error


def make_token() -> str:
    """Make a token of 192 random bits that needs no escaping in a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def is_token(text: str) -> bool:
    """Tell whether a text could be a token: who is not even that needs no looking up."""
    return len(text) == _TOKEN_LETTERS and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def token_hash(token: str) -> bytes:
    """Hash a token for look-up; it is random and long, so neither salt nor a slow hash would add anything."""
    return hashlib.sha256(token.encode()).digest()
