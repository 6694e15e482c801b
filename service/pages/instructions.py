"""Posting instructions: all that a publisher needs to send leads to one endpoint, as data and as a page."""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from service.model.catalog import Catalog, Endpoint, Field, FieldType, RateLimits
from service.model.distribution import modes_of
from service.model.fields import lead_fields
from service.model.hashes import SUFFIX, can_be_hashed
from service.pages import snippets
from service.pages.parameter_rows import parameter_rows
from service.pages.sample_answers import SampleAnswers
from service.pages.samples import Samples, sample_value
from service.pages.statuses import STATUSES
from service.wire.answers import DataPostAnswer, PostAnswer
from service.wire.body import BODY_BYTES_MAX, FIELDS_MAX

_TYPES: Final[dict[FieldType, str]] = {
    "text": "text",
    "phone": "telephone number, in any common writing",
    "integer": "whole number",
    "decimal": "number",
    "boolean": "true or false (also 1/0, yes/no)",
    "date": "date, YYYY-MM-DD or MM/DD/YYYY",
    "datetime": "date and time, ISO 8601 or seconds since 1970",
    "state": "state, code or name",
    "zip": "zip code, five digits or zip+4, as text",
    "email": "e-mail address",
    "url": "web address, http or https",
    "ip": "IP address",
}

_SOLD_BY_CALLER: Final = "Sold: the call from `caller_id` to your own number goes to the buyer."


def posting_instructions(catalog: Catalog, endpoint: Endpoint, base_url: str) -> dict[str, Any]:
    """The instructions as values for JSON. `base_url` is where publishers reach us: scheme and host, no slash behind.

    Requests are ones that the endpoint's own decoder takes; buyers in the answers are invented.
    """
    offer = catalog.offers[endpoint.offer]
    urls = {
        path: f"{base_url}/api/v1/inbound_webhooks/{path}/{quote(endpoint.vanity_uri, safe='')}"
        for path in ("ping", "post", "full")
    }
    fields = lead_fields(offer)
    samples = Samples(catalog, endpoint)
    sample_answers = SampleAnswers(offer, endpoint, samples.own_number)
    return {
        "success": True,
        "status": "success",
        "vanity_uri": endpoint.vanity_uri,
        "offer": offer.name,
        "delivery": offer.delivery,
        "modes": list(modes_of(offer)) if offer.delivery == "data" else None,
        "winners_max": offer.distribution.winners if offer.delivery == "data" else None,
        "urls": urls,
        "auth_required": endpoint.auth_required,
        "sources": endpoint.sources,
        "test_mode": endpoint.test_mode,
        "tracking": endpoint.tracking if offer.delivery == "call" else None,
        "own_numbers_listed": _has_own_numbers(catalog, endpoint),
        "currency": catalog.account.currency,
        "fields": [_field(f, in_clear=f.name == "caller_id" and samples.own_number is not None) for f in fields],
        "extra_fields": offer.extra_fields,
        "parameters": parameter_rows(endpoint, offer),
        "requests": _requests(urls, samples, sample_answers, endpoint),
        "source_needed": samples.names_source,
        "python": _python(urls, samples, endpoint, sells_calls=offer.delivery == "call"),
        "answers": sample_answers.all(),
        "statuses": _statuses(endpoint, sells_calls=offer.delivery == "call"),
        "times_seconds": {
            "ping_ids": endpoint.ping_ttl_seconds,
            "buyers_slot": min(endpoint.hold_seconds, endpoint.ping_ttl_seconds),
            "tracking_number": endpoint.number_hold_seconds if offer.delivery == "call" else None,
        },
        "limits": {
            "body_bytes_max": BODY_BYTES_MAX,
            "names_max": FIELDS_MAX,
            "buyers_max": endpoint.buyers_max,
            "endpoint": _rates(endpoint.rate_limits),
            "traffic_source": _rates(endpoint.source_rate_limits),
        },
    }


def posting_instructions_html(catalog: Catalog, endpoint: Endpoint, base_url: str) -> str:
    """The same as a page: one file, without scripts and without anything from elsewhere."""
    return (
        _environment()
        .get_template("posting_instructions.html")
        .render(said=posting_instructions(catalog, endpoint, base_url))
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _marked
    environment.filters["plain"] = lambda value: (
        int(value) if isinstance(value, float) and value.is_integer() else value
    )
    environment.filters["json"] = lambda value: msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    environment.filters["grouped"] = lambda number: f"{number:,}"
    return environment


def _marked(text: str) -> Markup:
    """What stands between backticks, as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(text.split("`"))
    )


def _field(field: Field, *, in_clear: bool) -> dict[str, Any]:
    """`in_clear`: calls are known by it, so that it is needed everywhere and its hash does not do."""
    return {
        "name": field.name,
        "type": field.type,
        "says": _TYPES[field.type],
        "required_on": ["ping", "post"] if in_clear else list(field.required_on),
        "personal": field.personal,
        "consent": field.consent,
        "min": field.min,
        "max": field.max,
        "one_of": list(field.one_of),
        "max_length": field.max_length if field.type == "text" and not field.one_of else None,
        "aliases": list(field.aliases),
        "hash": field.name + SUFFIX if can_be_hashed(field) and not in_clear else None,
        "sample": sample_value(field),
    }


def _has_own_numbers(catalog: Catalog, endpoint: Endpoint) -> bool:
    return any(s.endpoint == endpoint.vanity_uri for s in catalog.static_numbers.values())


def _requests(
    urls: dict[str, str], samples: Samples, sample_answers: SampleAnswers, endpoint: Endpoint
) -> list[dict[str, Any]]:
    bodies = (
        ("Ping", "Ask who wants the lead. Nothing is sold.", "ping", samples.ping()),
        ("Post", "Sell to a bid of the ping: put the ping_id that you were answered.", "post",
         samples.post(sample_answers.buyer_ping_id)),
        ("Post without a ping", "Sell to the best buyer in one step.", "post", samples.whole(person=1)),
        ("Full", "A ping and a post to all its buyers in order, in one step.", "full", samples.whole(person=2)),
    )  # fmt: skip
    return [
        {
            "title": title,
            "about": about,
            "path": path,
            "body": body,
            "curl": snippets.curl(urls[path], body, auth=endpoint.auth_required),
        }
        for title, about, path, body in bodies
    ]


def _python(urls: dict[str, str], samples: Samples, endpoint: Endpoint, *, sells_calls: bool) -> str:
    post = samples.post("")
    del post["ping_id"]
    return snippets.python(
        snippets.Conversation(
            ping_url=urls["ping"],
            post_url=urls["post"],
            ping=samples.ping(),
            post=post,
            auth=endpoint.auth_required,
            sells_calls=sells_calls,
        )
    )


def _statuses(endpoint: Endpoint, *, sells_calls: bool) -> list[dict[str, Any]]:
    not_here = DataPostAnswer if sells_calls else PostAnswer
    lends_numbers = sells_calls and endpoint.tracking == "ring_pool"
    return [
        {
            "http": s.http,
            "status": s.word,
            "when": _SOLD_BY_CALLER if s.answer is PostAnswer and not lends_numbers else s.when,
            "on": list(s.paths),
        }
        for s in STATUSES
        if s.answer is not not_here and (lends_numbers or s.word != "no_tracking_number")
    ]


def _rates(limits: RateLimits) -> dict[str, int]:
    rates = {"minute": limits.per_minute, "hour": limits.per_hour, "day": limits.per_day}
    return {per: limit for per, limit in rates.items() if limit is not None}
