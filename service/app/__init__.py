"""Speaks HTTP: paths and methods, tokens and ports, statuses. Nobody below knows any of these."""

from service.app.application import create_app

__all__ = ["create_app"]
