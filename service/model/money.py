"""Money is an integer of micros everywhere but at the edge, where it is a decimal number."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

MICROS = 1_000_000
MICROS_PER_CENT = 10_000
# 10^9 units: far above any price, and its micros still fit a signed 64 bit integer and a Lua double's 2^53 / 1000.
UNITS_MAX = 1_000_000_000


def micros_from(value: object) -> int | None:
    """Micros of a price written as number or text, rounded half-even; None where it is not a price."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        text = str(value).strip()
        # Decimal also reads "1_000" and digits of other scripts, which nobody means as a price.
        units = Decimal(text if text.isascii() and "_" not in text else "NaN")
    except (InvalidOperation, ValueError):  # the latter for an integer too long for Python to write out
        return None
    if not units.is_finite() or units.copy_abs() > UNITS_MAX:  # abs() itself overflows at 1e999999999
        return None
    return int((units * MICROS).to_integral_value(ROUND_HALF_EVEN))


def whole_cents(micros: int) -> int:
    """Micros rounded down to a whole cent: what a publisher is quoted is what is owed."""
    return micros // MICROS_PER_CENT * MICROS_PER_CENT


def units_of(micros: int) -> float:
    """Units for an answer or a metric; only the outermost edge may call this."""
    return micros / MICROS
