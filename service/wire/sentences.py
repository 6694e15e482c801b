"""What is said about a field or parameter that is wrong. Values are echoed short, and never those of a person."""

from typing import Final

ECHO_LENGTH_MAX: Final = 50


def wrong(name: str, text: str, raw: object, *, personal: bool = False) -> str:
    """`age must be at most 110. You sent 200.`"""
    return f"{name} {text}." if personal else f"{name} {text}. You sent {shown(raw)}."


def missing(name: str, moment: str) -> str:
    """`zip is required on ping. You did not send a value.`"""
    return f"{name} is required on {moment}. You did not send a value."


def shown(raw: object) -> str:
    """A value for a sentence, in one short printable line."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (str, int, float)):
        # Cut before looking at it: a text can fill the whole body. repr-free: `You sent 200.` for 200 and "200" alike.
        text = raw[: ECHO_LENGTH_MAX + 1] if isinstance(raw, str) else str(raw)
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        cut = text if len(text) <= ECHO_LENGTH_MAX else text[:ECHO_LENGTH_MAX] + "…"
        return cut or "an empty text"
    if isinstance(raw, list):
        return "a list"
    return "an object" if isinstance(raw, dict) else "nothing"
