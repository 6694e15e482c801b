"""The catalog: TOML files, checked as a whole, to one frozen value."""

from service.catalog.difference import diff
from service.catalog.loading import load
from service.catalog.mistake import Mistake

__all__ = ["Mistake", "diff", "load"]
