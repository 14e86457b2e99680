"""Errors as RFC 9457 ``application/problem+json``. Nothing a client sent is ever repeated in one."""

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One value that is wrong: where (a JSON pointer, or ``query/limit``), and what it must be."""

    pointer: str
    detail: str


class RefusedError(Exception):
    """A request that is refused.

    Parameters
    ----------
    status
        HTTP status.
    detail
        What is wrong and what it must be, in our own words.
    errors
        The values that are wrong.
    headers
        To send along: ``Retry-After``, ``Allow``.
    candidates
        What could have been meant.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        candidates: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.candidates = tuple(candidates)

    def response(self) -> Response:
        """The answer it becomes."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.candidates:
            body["candidates"] = self.candidates
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)
