"""What integrators read: posting instructions and the OpenAPI document. Pure; the app serves it."""

from service.pages.instructions import posting_instructions, posting_instructions_html
from service.pages.openapi import openapi
from service.pages.statuses import STATUSES, http_status

__all__ = ["STATUSES", "http_status", "openapi", "posting_instructions", "posting_instructions_html"]
