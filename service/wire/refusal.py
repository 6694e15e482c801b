"""What wire says of a request that it will not pass on."""

from msgspec import Struct

Complaints = dict[str, list[str]]
"""Sentences by the name of the field or parameter that is wrong; empty: nothing is."""


class Refusal(Struct, frozen=True):
    """`status` is the word of the answer: `malformed_body`, `unsupported_media_type` or `invalid`.

    `errors` is a list of sentences, but of `invalid` an object of sentences by name.
    """

    status: str
    errors: list[str] | Complaints


def malformed(sentence: str) -> Refusal:
    return Refusal("malformed_body", [sentence])
