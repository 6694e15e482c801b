"""Where invented callers live: one place for each state, whose area code, zip and state agree."""

from typing import Final, NamedTuple


class Place(NamedTuple):
    area_code: str
    state: str
    zip: str


_TABLE: Final = """
205 AL 35203  907 AK 99501  602 AZ 85004  501 AR 72201  213 CA 90012  303 CO 80202  860 CT 06103  302 DE 19801
202 DC 20001  305 FL 33130  404 GA 30303  808 HI 96813  208 ID 83702  312 IL 60602  317 IN 46204  515 IA 50309
316 KS 67202  502 KY 40202  504 LA 70112  207 ME 04101  410 MD 21202  617 MA 02108  313 MI 48226  612 MN 55401
601 MS 39201  816 MO 64106  406 MT 59101  402 NE 68102  702 NV 89101  603 NH 03101  201 NJ 07302  505 NM 87102
212 NY 10007  704 NC 28202  701 ND 58102  216 OH 44113  405 OK 73102  503 OR 97204  215 PA 19102  401 RI 02903
803 SC 29201  605 SD 57104  615 TN 37201  713 TX 77002  801 UT 84101  802 VT 05401  804 VA 23219  206 WA 98104
304 WV 25301  414 WI 53202  307 WY 82001
"""

_WORDS: Final = _TABLE.split()
PLACES: Final = tuple(Place(*_WORDS[at : at + 3]) for at in range(0, len(_WORDS), 3))
"""In the table's order, one a state and the capital's district."""
