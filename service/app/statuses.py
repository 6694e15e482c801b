"""Words to HTTP statuses, in one place. 200 is what every answer about a lead gets that nobody asked wrongly."""

from typing import Final

HTTP_STATUSES: Final = {
    "malformed_body": 400,
    "unauthorized": 401,
    "forbidden_address": 403,
    "forbidden_endpoint": 403,
    "unknown_endpoint": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
}


def http_status(word: str) -> int:
    return HTTP_STATUSES.get(word, 200)
