"""What an endpoint's answers look like, with its own times and limits, and buyers that do not exist."""

from typing import Any, Final

import msgspec

from service.model.catalog import Endpoint, Offer, Window
from service.model.decline import Decline
from service.model.distribution import mode_of
from service.wire import answers, ids

DECISION_ID: Final = "5f1d7a84c0b34e6f9a2b8c3d4e5f6071"
_BUYERS: Final = ((101, "Example Buyer One", 25.00), (102, "Example Buyer Two", 20.00))
_TRACKING_NUMBER: Final = "18005550100"
_REDIRECT_URL: Final = "https://buyer-one.example/welcome"


class SampleAnswers:
    """Answers of one endpoint, as values for JSON."""

    def __init__(self, offer: Offer, endpoint: Endpoint, own_number: str | None) -> None:
        self._offer = offer
        self._endpoint = endpoint
        self._own_number = own_number
        self._test = True if endpoint.test_mode else msgspec.UNSET

    @property
    def buyer_ping_id(self) -> str:
        """The first buyer's, as the sample of a ping's answer has it."""
        return ids.ping_id(DECISION_ID, 0, test=self._endpoint.test_mode)

    def all(self) -> list[dict[str, Any]]:
        """Each with its `title` and its `body`."""
        shown: list[tuple[str, answers.Answer]] = [
            ("A ping that buyers want", self._ping()),
            ("A ping that nobody wants", answers.NoMatch(decision_id=DECISION_ID, test=self._test)),
            ("A post that sold", self._post()),
            (
                "A post to a buyer that has no room left",
                answers.BuyerUnavailable(reason=Decline.CONCURRENCY.word, decision_id=DECISION_ID, test=self._test),
            ),
            ("A post that came too late", answers.PingExpired(test=self._test)),
            ("A request with something missing", self._invalid()),
        ]
        limited = self._too_many()
        if limited is not None:
            shown.append(("Too many requests", limited))
        return [{"title": title, "body": msgspec.to_builtins(answer)} for title, answer in shown]

    def _ping(self) -> answers.PingAnswer:
        test = self._endpoint.test_mode
        shown = self._sharing() if self._offer.delivery == "data" else {}
        return answers.PingAnswer(
            try_all_buyers_ping_id=ids.ping_id(DECISION_ID, test=test),
            ping_ids_expiry_in_seconds=self._endpoint.ping_ttl_seconds,
            decision_id=DECISION_ID,
            test=self._test,
            buyers=[
                answers.OfferedBuyer(buyer_id=id, name=name, bid=bid, ping_id=ids.ping_id(DECISION_ID, i, test=test))
                for i, (id, name, bid) in enumerate(_BUYERS[: self._endpoint.buyers_max])
            ],
            **shown,
        )

    def _sharing(self) -> dict[str, Any]:
        """How the sample lead is sold; a hybrid's to several."""
        winners = self._offer.distribution.winners
        bids = [bid for _, _, bid in _BUYERS[:winners]]
        return {"mode": mode_of(winners), "winners": len(bids), "total_bid": sum(bids)}

    def _post(self) -> answers.Answer:
        if self._offer.delivery == "data":
            return self._data_post()
        buyer_id, name, bid = _BUYERS[0]
        return answers.PostAnswer(
            trackdrive_number=self._own_number or _TRACKING_NUMBER,
            buyer_id=buyer_id,
            buyer_name=name,
            bid=bid,
            sale_id=ids.sale_id(DECISION_ID),
            expires_in_seconds=self._endpoint.number_hold_seconds,
            decision_id=DECISION_ID,
            test=self._test,
        )

    def _data_post(self) -> answers.DataPostAnswer:
        sharing = self._sharing()
        is_alone = sharing["winners"] == 1
        sales = [
            answers.DataSale(
                buyer_id=buyer_id,
                buyer_name=name,
                bid=bid,
                sale_id=ids.sale_id(DECISION_ID, None if is_alone else place),
                redirect_url=msgspec.UNSET if place else _REDIRECT_URL,
            )
            for place, (buyer_id, name, bid) in enumerate(_BUYERS[: sharing["winners"]])
        ]
        return answers.DataPostAnswer(
            mode=sharing["mode"],
            sales=sales,
            total_bid=sharing["total_bid"],
            redirect_url=_REDIRECT_URL,
            decision_id=DECISION_ID,
            test=self._test,
        )

    def _invalid(self) -> answers.Invalid:
        needed = next((f.name for f in self._offer.fields if "ping" in f.required_on), None)
        if needed is None:
            return answers.Invalid(errors={"caller_id": ["caller_id is not a telephone number."]})
        return answers.Invalid(errors={needed: [f"{needed} is required on ping. You did not send a value."]})

    def _too_many(self) -> answers.TooMany | None:
        windows: tuple[Window, ...] = ("minute", "hour", "day")
        for scope, limits in (
            ("endpoint", self._endpoint.rate_limits),
            ("traffic_source", self._endpoint.source_rate_limits),
        ):
            for per in windows:
                limit = getattr(limits, f"per_{per}")
                if limit is not None:
                    return answers.too_many("endpoint" if scope == "endpoint" else "traffic_source", per, limit)
        return None
