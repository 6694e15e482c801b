"""Integers as sets: bit i stands for line i of an offer's ranking."""

from collections.abc import Iterable, Iterator

WINDOW_BITS = 512
_WINDOW = (1 << WINDOW_BITS) - 1


def mask_of(positions: Iterable[int], width: int) -> int:
    """The mask with these bits set; `width` is above the highest of them."""
    # Through bytes: setting bits in an integer copies it each time, which is quadratic.
    raw = bytearray((width + 7) // 8)
    for position in positions:
        raw[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(raw, "little")


def parity_of(positions: Iterable[int], width: int) -> int:
    """The mask of the bits that are named an odd number of times."""
    raw = bytearray((width + 7) // 8)
    for position in positions:
        raw[position >> 3] ^= 1 << (position & 7)
    return int.from_bytes(raw, "little")


def ascending(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first. Costs what is looked at, not what is set."""
    base = 0
    while mask:
        lowest = (mask & -mask).bit_length() - 1
        mask >>= lowest
        base += lowest
        window = mask & _WINDOW
        while window:
            bit = window & -window
            yield base + bit.bit_length() - 1
            window ^= bit
        mask >>= WINDOW_BITS
        base += WINDOW_BITS
