"""pingpost: a ping/post exchange for leads and calls."""

__version__ = "0.1.0"
