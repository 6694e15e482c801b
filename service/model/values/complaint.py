"""What is wrong with a value that was sent."""

from typing import final

from msgspec import Struct


@final
class Complaint(Struct, frozen=True):
    """`text` is the end of a sentence that begins with the field's name: "is not a telephone number"."""

    text: str
