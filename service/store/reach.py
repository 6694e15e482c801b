"""What leads to a sale, as `lua/parts/reach.lua` binds it: its number in a pool, and pointers to it."""

from msgspec import Struct

from service.store.asks import Sale
from service.store.keys import Keys
from service.store.line import Word


class Reach(Struct, frozen=True):
    """Names of it, each "" where there is none. They are kept with a call, whose events need not read the sale."""

    pool: str = ""
    caller: str = ""
    """Of the pointer of a caller on a publisher's own number."""
    fields: str = ""
    """Of the fields shield."""

    def keys(self, keys: Keys) -> list[bytes]:
        found: list[bytes] = []
        if self.pool:
            pool_keys = keys.pool(self.pool)
            found += (pool_keys.pool, pool_keys.lent)
        if self.caller:
            found.append(keys.caller(self.caller))
        if self.fields:
            found.append(keys.fields(self.fields))
        return found

    def args(self) -> tuple[Word, Word]:
        """is_pooled and pointers_count."""
        return int(bool(self.pool)), bool(self.caller) + bool(self.fields)


NOTHING = Reach()


def reach_of(keys: Keys, sale: Sale) -> Reach:
    caller_id = sale.record.lead.get("caller_id")
    tracked = sale.number and not sale.pool and caller_id
    caller = keys.caller_name(sale.number, str(caller_id)) if tracked else ""
    return Reach(sale.pool, caller, sale.fields_key)
