"""Identifiers of stored things."""

import hashlib
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 12


def new_id() -> str:
    """Return a fresh identifier: 12 characters (60 random bits) that a person can abbreviate.

    The alphabet is Crockford's base 32 in lower case, so no character is mistaken for another.
    """
    return _spelt(secrets.randbits(5 * _LENGTH))


def id_of(key: str) -> str:
    """Return the identifier of what `key` asks for: the same one whenever it is asked again."""
    return _spelt(int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()))


def _spelt(bits: int) -> str:
    return "".join([_ALPHABET[bits >> 5 * place & 31] for place in range(_LENGTH)])
