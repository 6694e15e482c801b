"""Everything that is kept in Redis, and nobody else knows a key of it."""

from service.store.settings import StoreSettings
from service.store.store import Store

__all__ = ["Store", "StoreSettings"]
