"""Texts of what Redis keeps, to and from the nouns."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from service.model.lead import PingRecord
from service.model.terms import AT_POST
from service.store.asks import FoundPing, Sale

Said = tuple[int | None, ...]

_encoder = msgspec.json.Encoder()
_record_decoder = msgspec.json.Decoder(PingRecord)


def record_json(record: PingRecord) -> bytes:
    return _encoder.encode(record)


def record_of(text: bytes) -> PingRecord:
    return _record_decoder.decode(text)


def said_csv(said: Sequence[int | None]) -> str:
    return ",".join("" if word is None else str(int(word)) for word in said)


def said_of(csv: str) -> Said:
    return tuple(int(word) if word else None for word in csv.split(",")) if csv else ()


@lru_cache(1024)  # a few patterns are most of them: 0.9 µs less
def said_of_reply(csv: bytes, bids_count: int) -> Said:
    """Verdicts as a script returns them. One bid that was not looked at and none at all are the same text."""
    return said_of(csv.decode()) if csv else (None,) * bids_count


def ping_of(value: bytes) -> FoundPing:
    """A ping's text: state|expires_at_ms|said|record."""
    state, expires_at_ms, said, text = value.split(b"|", 3)
    record = record_of(text)
    verdicts = said_of_reply(said, len(record.bids))
    return FoundPing(record=record, said=verdicts, expires_at_ms=int(expires_at_ms), complete=state == b"done")


def sale_of(flat: Sequence[bytes]) -> Sale:
    """A sale's HASH, names and values in turn."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    text = {name.decode(): value.decode() for name, value in fields.items() if name != b"record"}
    terms = text.get("terms", AT_POST)
    return Sale(
        record=record_of(fields[b"record"]),
        question=text["question"],
        position=int(text["position"]),
        sold_position=int(text["sold_position"]),
        order=tuple(int(word) for word in words_of(text["order"])),
        number=text["number"],
        sold_at_ms=int(text["sold_at_ms"]),
        number_until_ms=int(text["until_ms"]),
        state=text["state"],  # type: ignore[arg-type]  # written by our own scripts
        live_call=text["live_call"],
        pool=text["pool"],
        said=said_of(text["said"]),
        cap_fields=words_of(text["cap_fields"]),
        bought=words_of(text["bought"]),
        fields_key=text["fields_key"],
        made_at_ms=int(text.get("made_at_ms", 0 if terms else text["sold_at_ms"])),
        terms=terms,
    )


def words_of(csv: str) -> tuple[str, ...]:
    return tuple(csv.split(",")) if csv else ()


@lru_cache(1024)
def words_of_reply(csv: bytes) -> tuple[str, ...]:
    return words_of(csv.decode())
