"""Asking an API for JSON, with its refusals in words."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from msray.errors import MsrayError, UnavailableError, UsageError

_TIMEOUT_S = 10.0
_MAX_ANSWER = 64 * 1024 * 1024


def get_json(url: str, key: str | None = None) -> dict[str, Any]:
    """The JSON object at a URL.

    Parameters
    ----------
    url
        Of this project's API, or of the simulator.
    key
        For ``X-API-Key``.

    Raises
    ------
    UsageError
        Where the answer is 4xx; it says why.
    UnavailableError
        Where nobody answers in 10 s, or with 429 or 5xx.
    """
    try:
        request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            document = json.loads(answer.read(_MAX_ANSWER))
    except http.client.InvalidURL as error:
        raise UsageError(f"url must be an address, got {url[:80]!r}: {error}") from error
    except urllib.error.HTTPError as error:
        raise _refusal(error) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UnavailableError(f"no API answers at {url.partition('/api/')[0]}: {reason}") from error
    return document if isinstance(document, dict) else {}


def _refusal(error: urllib.error.HTTPError) -> MsrayError:
    try:
        problem = json.loads(error.read(_MAX_ANSWER))
        words = [problem["detail"], *(f"{one['pointer']} {one['detail']}" for one in problem.get("errors", ()))]
        hint = ", ".join(problem.get("candidates", ()))
    except (OSError, ValueError, KeyError, TypeError):
        words, hint = [str(error.reason)], ""
    message = f"the API answers {error.code}: {'; '.join(words)}"
    if error.code in (401, 403):
        return UsageError(message, hint="set MSRAY_API_KEY to a key with the scope read")
    return UsageError(message, hint=hint) if error.code < 500 and error.code != 429 else UnavailableError(message)
