"""Reading a request of an edge or an operator by the names of what it must hold, with all that is wrong with it."""

from typing import Any, Final

from service.model.money import micros_from
from service.model.values import Complaint
from service.wire.body import Sent
from service.wire.parameters import short_text, whole_number
from service.wire.refusal import Complaints
from service.wire.sentences import wrong

AMOUNT_LENGTH_MAX: Final = 40


class Reading:
    """One request being read, with the complaints so far."""

    def __init__(self, params: Sent) -> None:
        self._params = params
        self.complaints: Complaints = {}

    def needed(self, name: str) -> object:
        raw = self._params.get(name)
        if raw is None or raw == "":
            self.complaints[name] = [f"{name} is required. You did not send a value."]
        return raw

    def text(self, name: str, length_max: int, *, needed: bool = True) -> str:
        raw = self.needed(name) if needed else self._params.get(name)
        if raw is None or raw == "":
            return ""
        text = short_text(raw, length_max)
        if isinstance(text, str) and (text or not needed):
            return text
        complaint = text if isinstance(text, Complaint) else Complaint("is blank")
        self.complaints[name] = [wrong(name, complaint.text, raw)]
        return ""

    def number(self, name: str, number_max: int) -> int | None:
        raw = self._params.get(name)
        if raw is None or raw == "":
            return None
        number = whole_number(raw)
        if number is None or not 0 <= number <= number_max:
            self.complaints[name] = [wrong(name, f"must be a whole number from 0 to {number_max}", raw)]
            return None
        return number

    def amount(self, name: str) -> int:
        """Micros of a decimal number, which may be below 0; 0 where it is wrong, and 0 is wrong."""
        raw = self.needed(name)
        if name in self.complaints:
            return 0
        # 40 characters: no price is longer, and Decimal reads very long texts slowly.
        micros = None if isinstance(raw, str) and len(raw) > AMOUNT_LENGTH_MAX else micros_from(raw)
        if not micros:
            self.complaints[name] = [wrong(name, "must be an amount of money other than 0", raw)]
        return micros or 0

    def one_of(self, name: str, choices: tuple[str, ...], *, needed: bool) -> Any:
        raw = self.needed(name) if needed else self._params.get(name)
        if raw is None or raw == "":
            return ""
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in choices:
            self.complaints[name] = [wrong(name, f"must be one of {', '.join(choices)}", raw)]
        return word
