"""Redis' protocol, word by word: so that what is the same for many commands is framed once and joined.

hiredis packs a command of 40 words in 6.7 µs; joining what a lot keeps takes 1.
"""

from collections.abc import Iterable
from typing import NamedTuple

from service.store.line import Word
from service.store.scripts import Script


class Frames(NamedTuple):
    """Words in Redis' protocol, and how many they are."""

    data: bytes = b""
    words: int = 0


def frames_of(words: Iterable[Word]) -> Frames:
    framed = [frame(word) for word in words]
    return Frames(b"".join(framed), len(framed))


def frame(word: Word) -> bytes:
    if isinstance(word, int):
        word = b"%d" % word
    elif isinstance(word, str):
        word = word.encode()
    return b"$%d\r\n%b\r\n" % (len(word), word)


def script_command(script: Script, keys: Frames, args: Frames) -> bytes:
    """The command that runs a script."""
    keys_count = b"%d" % keys.words
    return b"".join(
        (
            b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n" % (3 + keys.words + args.words),
            script.sha,
            b"\r\n$%d\r\n%b\r\n" % (len(keys_count), keys_count),
            keys.data,
            args.data,
        )
    )
