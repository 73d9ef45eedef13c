# SPDX-License-Identifier: Apache-2.0
"""The identity token of the CI system that this runs in, within the budget of the command.

The token of GitHub is fetched by `anchor.net.http`, with its proxies, CA bundle, size limits and deadlines.
The `id` package fetches the others. It has none of these, so it runs in a thread that is left when the time
is over.
"""

import os
import queue
import re
import threading

import id as library

from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError, ServiceError

AUDIENCE = "sigstore"
MAX_ANSWER = 64 << 10
GITHUB = "GitHub Actions"
_URL, _BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


def token(budget: Budget) -> str | None:
    """None where no CI system is found. Raises `Misuse` and `Unavailable`."""
    return _github(budget) if os.environ.get("GITHUB_ACTIONS") else _others(budget)


def _github(budget: Budget) -> str:
    url, bearer = os.environ.get(_URL), os.environ.get(_BEARER)
    if not url or not bearer:
        raise Misuse(
            "this workflow may not ask for an identity token",
            where=GITHUB,
            remedy="give the job the permission 'id-token: write'",
        )
    if not re.fullmatch("[!-~]+", bearer):  # a server that refuses it as a header would quote it
        raise Misuse("is not a token", where=_BEARER, remedy="leave it as the runner has set it")
    try:
        answer = http.get(
            GITHUB,
            f"{url}{'&' if '?' in url else '?'}audience={AUDIENCE}",
            budget=budget,
            limit=MAX_ANSWER,
            expect=("application/json",),
            headers={"Authorization": f"Bearer {bearer}"},
        )
    except ServiceError as e:
        raise Unavailable(_problem(_without_quotes(e)), where=e.where, remedy=e.remedy) from None
    try:
        value = parse_json(answer.body)["value"]
    except (AnchorError, KeyError, TypeError):
        value = None
    if not isinstance(value, str) or not value:
        raise Unavailable(_problem("an answer without one"), where=GITHUB, remedy="try again later")
    return value


def _without_quotes(error: ServiceError) -> str:
    """The problem without the server's own words: they may repeat the bearer token."""
    if not isinstance(error, HttpError):
        return error.problem
    _, bracket, tried = error.problem.rpartition(" (tried ")
    return f"HTTP {error.status}{bracket}{tried}"


def _others(budget: Budget) -> str | None:
    found: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            found.put(library.detect_credential(AUDIENCE))
        except Exception as e:  # noqa: BLE001  it lets errors of its HTTP library through; reported below
            found.put(e)

    threading.Thread(target=work, name="anchor-token", daemon=True).start()
    began = budget.spent()
    try:
        got = found.get(timeout=budget.left())
    except queue.Empty:
        problem = _problem(f"no answer within {budget.spent() - began:.1f} s")
        raise Unavailable(problem, where="token", remedy="try again later") from None
    if isinstance(got, library.IdentityError):
        raise Unavailable(_problem(str(got)), where="token")
    if isinstance(got, Exception):
        raise Unavailable(_problem(type(got).__name__), where="token")
    return got


def _problem(reason: str) -> str:
    return f"the CI system gave no identity token: {reason}"
