"""`pingpost token`."""

import argparse
import hashlib
import secrets

TOKEN_BYTES = 24
"""192 bits of chance: nobody guesses it, and it still fits into a line of a form."""


def make(_given: argparse.Namespace) -> int:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    print(f"token    {token}")
    print(f"sha256   {digest}")
    print()
    print("Give the token to its owner; it cannot be had back from its hash. In the catalog, under its owner:")
    print(f'auth_tokens = [{{ name = "main", sha256 = "{digest}" }}]')
    return 0
