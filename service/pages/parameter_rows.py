"""Our own parameters as rows for an endpoint's page."""

from typing import Any

from service.model.catalog import Endpoint, Offer


def parameter_rows(endpoint: Endpoint, offer: Offer) -> list[dict[str, Any]]:
    """Name, the paths it is read on, whether it must be there, and what it says."""
    rows = [
        (
            "ping_id",
            "post",
            False,
            "A buyer's `ping_id`, or the `try_all_buyers_ping_id`. Without it the post sells by itself.",
        ),
        ("buyer_id", "post", False, "With a buyer's `ping_id`: must be that buyer's."),
        ("buyer_ids", "post, full", False, "Only these buyers, as consented to: a list, or text with commas."),
        (
            "request_id",
            "all",
            False,
            "Your own id of the lead, up to 200 characters. A repeat is answered as the first.",
        ),
        ("min_bid", "all", False, "Leave out buyers that would pay less."),
        ("tmax_ms", "ping, full", False, "Your own deadline for live bids, in milliseconds."),
        (
            "opt_out",
            "all",
            False,
            "true: the person opted out. Nothing is stored. The header `Sec-GPC: 1` says the same.",
        ),
        ("test", "all", False, "1: decide and explain, take nothing. Needs a token that may test."),
    ]
    if endpoint.auth_required:
        about = "Your token, here or in the header `Authorization: Bearer …`; it also says who you are."
        rows.insert(0, ("auth_token", "all", True, about))
        rows.insert(1, ("traffic_source_id", "all", False, "Your source id; must be the token's."))
    else:
        listed = endpoint.sources == "listed"
        rows.insert(0, ("traffic_source_id", "all", listed, "Your source id, as agreed with us."))
        rows.insert(1, ("auth_token", "all", False, "Your token, if you have one; a wrong one is refused."))
    if endpoint.tracking == "caller_number" and offer.delivery == "call":
        about = "Your own number, which the caller will dial, together with `caller_id`."
        rows.insert(0, ("trackdrive_number", "ping, full, post without a ping", True, about))
    if endpoint.test_mode:
        rows = [row for row in rows if row[0] != "test"]
    return [{"name": name, "on": on, "required": required, "about": about} for name, on, required, about in rows]
