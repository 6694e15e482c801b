"""When a sale of an offer is made, as a sale keeps it from its post on."""

from service.model.catalog import Offer

AT_POST = ""


def terms_of(offer: Offer) -> str:
    """`connected:0`, or `converted:` and the milliseconds that its call must have lasted; AT_POST where it is made with
    the post."""
    if offer.sale_on == "call_connected":
        return "connected:0"
    if offer.sale_on == "call_converted":
        return f"converted:{offer.converts_after_seconds * 1000}"
    return AT_POST
