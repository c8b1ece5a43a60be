"""Errors as programs read them: application/problem+json (RFC 9457)."""

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from portal.lib.problems import Problem
from portal.lib.throttle import TooOften


class NoToken(Problem):
    """No usable token came with the request (401); `realm` says what the token would open (RFC 9110, 11.5)."""

    status = 401

    def __init__(self, sentence: str, realm: str) -> None:
        super().__init__(sentence)
        self.realm = realm


class Missing(Problem):
    """There is no such thing, or nothing of it yet (404)."""

    status = 404


class TooLarge(Problem):
    """The body is larger than any honest one (413)."""

    status = 413


class WrongMedia(Problem):
    """The body is of a media type that is not taken here (415)."""

    status = 415


class Unusable(Problem):
    """The body does not say what it must (422); `errors` says what, by field."""

    status = 422

    def __init__(self, sentence: str, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.errors = dict(errors or {})


def problem_response(problem: Problem) -> HttpResponse:
    """The answer for `problem`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": str(problem),
    }
    if isinstance(problem, Unusable) and problem.errors:
        body["errors"] = problem.errors
    answer = JsonResponse(body, status=problem.status, content_type="application/problem+json")
    if isinstance(problem, NoToken):
        answer["WWW-Authenticate"] = f'Bearer realm="{problem.realm}"'
    if isinstance(problem, TooOften):
        answer["Retry-After"] = str(problem.wait)
    answer["Cache-Control"] = "no-store"
    return answer


def answers_machines(
    *methods: str,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """For a view that machines ask with a token: its problems become problem+json, other methods 405."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @csrf_exempt  # No cookie counts here, so there is nothing to forge.
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                answer = problem_response(_WrongMethod("This address answers " + " and ".join(methods) + "."))
                answer["Allow"] = ", ".join(methods)
                return answer
            try:
                return view(request, *args, **kwargs)
            except Problem as problem:
                return problem_response(problem)

        return wrapped

    return decorate


class _WrongMethod(Problem):
    status = 405
