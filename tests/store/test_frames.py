"""What is framed once and joined is what hiredis would pack."""

import os
import random
from collections.abc import Callable

import hiredis

from service.store.frames import frames_of, script_command
from service.store.line import Word
from service.store.scripts import Script

WORDS: tuple[Callable[[random.Random], Word], ...] = (
    lambda _: b"",
    lambda _: "",
    lambda _: "caf\u00e9 \U0001f600\r\n$3\r\n",
    lambda chance: chance.randrange(-(10**18), 10**18),
    lambda chance: chance.choice((0, -1, 9, 10, 1 << 63)),
    lambda chance: os.urandom(chance.randrange(300)),
    lambda chance: "x" * chance.randrange(70_000),
)


def test_a_command_of_any_words_is_framed_as_hiredis_packs_it() -> None:
    chance = random.Random(1)
    for _ in range(500):
        keys, args = ([chance.choice(WORDS)(chance) for _ in range(chance.randrange(12))] for _ in range(2))
        made = Script("any", b"", bytes(chance.choices(b"0123456789abcdef", k=40)))
        packed = hiredis.pack_command(("EVALSHA", made.sha, len(keys), *keys, *args))  # type: ignore[arg-type]
        assert b"".join(script_command(made, frames_of(keys), frames_of(args))) == packed, (keys, args)
