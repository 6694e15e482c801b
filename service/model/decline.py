"""Why a contract, or the exchange, said no: one enum in numbered families.

The families follow the idea of Prebid Server's non-bid reasons. The same word stands in answers, metrics,
the audit and reports; scripts answer with the number, 0 meaning "yes".
"""

from enum import IntEnum
from functools import cached_property


class Decline(IntEnum):
    # 1xx the buyer's own system
    TIMEOUT = 101
    UNREACHABLE = 102
    BAD_RESPONSE = 103
    NO_BID = 104
    BID_INVALID = 105
    EJECTED = 106
    # 2xx not asked
    PAUSED = 201
    SCHEDULE = 202
    SUPPRESSED = 203
    GEO = 204
    FILTER = 205
    BELOW_FLOOR = 206
    DUPLICATE = 207
    BALANCE = 208
    CAP_HOUR = 209
    CAP_DAY = 210
    CAP_WEEK = 211
    CAP_MONTH = 212
    CAP_TOTAL = 213
    CONCURRENCY = 214
    PING_RATE = 215
    NO_TIME_LEFT = 216
    # 3xx asked and not chosen
    OUTRANKED = 301
    REJECTED_LEAD = 302
    LOST_AT_POST = 303
    # 5xx the exchange
    NO_TRACKING_NUMBER = 501
    STORE_DOWN = 502
    RATE_LIMITED = 503

    @cached_property
    def word(self) -> str:
        return self.name.lower()


CAP_DECLINES = {
    "hour": Decline.CAP_HOUR,
    "day": Decline.CAP_DAY,
    "week": Decline.CAP_WEEK,
    "month": Decline.CAP_MONTH,
    "total": Decline.CAP_TOTAL,
}
