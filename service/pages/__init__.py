"""What integrators read: posting instructions and the OpenAPI document. Pure; the app serves it."""

from service.pages.instructions import posting_instructions, posting_instructions_html
from service.pages.openapi import openapi
from service.pages.statuses import HTTP_STATUS, STATUSES

__all__ = ["HTTP_STATUS", "STATUSES", "openapi", "posting_instructions", "posting_instructions_html"]
