"""Answers to bytes."""

from collections.abc import Callable
from typing import Any

import msgspec

from service.wire.answers import Answer

encode: Callable[[Answer | dict[str, Any]], bytes] = msgspec.json.Encoder().encode
"""JSON in UTF-8. Encoding adds no field: every answer type has `success` and `status` of its own."""
