"""What operators ask about people, and what they are told, as schemas."""

from typing import Final

from service.pages.openapi_parts import Json
from service.wire import answers, privacy_answers
from service.wire.privacy import NAME_LENGTH_MAX, PEOPLE_PER_REQUEST_MAX, REASON_LENGTH_MAX

PEOPLE_ANSWERS: Final[list[type[answers.Answer]]] = [
    privacy_answers.SuppressionsAnswer,
    privacy_answers.SuppressedAnswer,
    privacy_answers.SuppressionFound,
    privacy_answers.ForgetAnswer,
]


def _some(what: str) -> Json:
    items = {"type": ["string", "integer"], "minLength": 1}
    return {
        "type": ["array", "string", "integer", "null"],
        "items": items,
        "maxItems": PEOPLE_PER_REQUEST_MAX,
        "description": f"{what}: one, or a list.",
    }


PERSON_ON_LIST: Final[Json] = {
    "type": "object",
    "required": [],
    "properties": {
        "list": {
            "type": ["string", "null"],
            "maxLength": NAME_LENGTH_MAX,
            "description": "A suppression list of the catalog; without it the account's own, which all are kept from.",
        },
        "numbers": _some("Telephone numbers"),
        "emails": _some("E-mail addresses"),
    },
}
SUPPRESSION: Final[Json] = {
    **PERSON_ON_LIST,
    "properties": {
        **PERSON_ON_LIST["properties"],
        "reason": {
            "type": ["string", "null"],
            "maxLength": REASON_LENGTH_MAX,
            "description": "Kept in clear beside the hashed person.",
        },
    },
}
FORGET: Final[Json] = {
    "type": "object",
    "required": [],
    "properties": {
        "caller": _some("The person's telephone number"),
        "email": _some("The person's e-mail address"),
        "suppress": {"type": ["boolean", "string", "null"], "description": "Suppress them too, before all else."},
    },
}
