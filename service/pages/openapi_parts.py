"""The parts that every operation of the document is put together from."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def refs(types: Sequence[type[Any]]) -> Json:
    """A schema that is one of the types."""
    unique = [{"$ref": f"#/components/schemas/{t.__name__}"} for t in dict.fromkeys(types)]
    # anyOf: some of these differ in nothing but their words, and a reader should not have to prove that only one fits.
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def answers_of(description: str, schema: Json, *, retry_after: bool = False) -> Json:
    response: Json = {"description": description, "content": {"application/json": {"schema": schema}}}
    if retry_after:
        about = "Seconds until it is worth asking again."
        response["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer", "minimum": 0}}}
    return response


def content_of(body: Json, form: Json) -> Json:
    return {"application/json": {"schema": body}, "application/x-www-form-urlencoded": {"schema": form}}
