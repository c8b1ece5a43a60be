"""Middleware for every response below /api/v1/, also those of the resolver and the framework."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from portal.lib.problem_json import TooLarge, WrongMedia, problem_response
from portal.lib.problems import Problem

PREFIX = "/api/v1/"
LARGEST_BYTES = 64 * 1024
_SENTENCES = {
    400: "What was sent cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not answer that method.",
}


class ApiAnswersMiddleware:
    """Errors are problem+json, bodies are limited in size, and nothing may be cached."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response with these rules applied."""
        if not request.path.startswith(PREFIX):
            return self.get_response(request)
        if _length(request) > LARGEST_BYTES:
            return problem_response(TooLarge(f"A body has at most {LARGEST_BYTES} bytes."))
        if _length(request) and request.content_type != "application/json":
            return problem_response(WrongMedia("Send application/json."))
        if request.method == "HEAD":
            request.method = "GET"  # The same answer (RFC 9110, 9.3.2); the server leaves its body out.
        answer = self.get_response(request)
        if answer.status_code >= 400 and answer.get("Content-Type") != "application/problem+json":
            answer = _as_problem(answer)
        answer["Cache-Control"] = "no-store"
        return answer


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _as_problem(answer: HttpResponseBase) -> HttpResponse:
    class _Said(Problem):
        status = answer.status_code

    said = problem_response(_Said(_SENTENCES.get(answer.status_code, answer.reason_phrase + ".")))
    if answer.has_header("Allow"):
        said["Allow"] = answer["Allow"]
    return said
