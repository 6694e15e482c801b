"""A person as we may know one: by telephone numbers and e-mail addresses; and what of them stands in a text."""

import re

from msgspec import Struct

from service.model.hashes import sha256_of
from service.model.lead import PingRecord

NORTH_AMERICA = "+1"
NATIONAL_LENGTH = 10
_BETWEEN = r"[\s().\-/]{0,3}"
"""What people write between the digits of a number."""


class Person(Struct, frozen=True):
    """One person, or many that are treated alike. Numbers are E.164, addresses in lower case."""

    numbers: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    @property
    def sha256s(self) -> tuple[str, ...]:
        return tuple(map(sha256_of, self.contacts))

    @property
    def contacts(self) -> tuple[str, ...]:
        return self.numbers + self.emails


class Traces:
    """Finds a person in what is kept: a number in any common writing, an address in any case, a SHA-256 of either."""

    def __init__(self, person: Person) -> None:
        patterns = [_number_pattern(number) for number in person.numbers]
        patterns += [rf"(?<![\w.+%-]){re.escape(email)}(?![\w-]|\.\w)" for email in person.emails]
        patterns += person.sha256s
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE)
        self.likes = tuple(dict.fromkeys(self._likes(person)))
        """The same as patterns of SQL's LIKE, each of which finds more than is meant."""

    def stand_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def blotted(self, text: str) -> str:
        """The text with the person crossed out."""
        return self._pattern.sub("***", text)

    def stand_in_record(self, record: PingRecord) -> bool:
        """Whether a lead's values name the person; what else a record bears is numbers of ours and of the catalog."""
        values = (*record.lead.values(), *record.changes.values(), record.request_id)
        return any(self.stand_in(str(value)) for value in values)

    @staticmethod
    def _likes(person: Person) -> list[str]:
        likes = []
        for number in person.numbers:
            digits = number.removeprefix("+")
            if number.startswith(NORTH_AMERICA) and len(digits) == NATIONAL_LENGTH + 1:
                likes.append(f"%{digits[1:4]}%{digits[4:7]}%{digits[7:]}%")
            else:
                likes.append(f"%{digits}%")
        return likes + [f"%{text}%" for text in (*person.emails, *person.sha256s)]


def _number_pattern(number: str) -> str:
    """Digits with anything common between them; the country's code may be missing in North America, as it may there."""
    digits = number.removeprefix("+")
    if number.startswith(NORTH_AMERICA) and len(digits) == NATIONAL_LENGTH + 1:
        return rf"(?<!\d)(?:\+?1{_BETWEEN})?{_BETWEEN.join(digits[1:])}(?!\d)"
    return rf"(?<!\d){_BETWEEN.join(digits)}(?!\d)"
