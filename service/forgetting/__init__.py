"""Forgetting a person: out of Redis and out of the ledger, leaving the money; and telling who was sold them."""

from service.forgetting.story import ForgetAsk, forget

__all__ = ["ForgetAsk", "forget"]
