"""Identifiers of stored things."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 12


def new_id() -> str:
    """Return a fresh identifier: 12 characters (60 random bits) that a person can abbreviate.

    The alphabet is Crockford's base 32 in lower case, so no character is mistaken for another.
    """
    bits = secrets.randbits(5 * _LENGTH)
    return "".join([_ALPHABET[bits >> 5 * place & 31] for place in range(_LENGTH)])
