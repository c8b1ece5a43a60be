"""Turns the services' problems into pages with the right status."""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.lib.problems import Problem
from portal.lib.throttle import TooOften


class ProblemMiddleware:
    """Renders `<status>.html` for a Problem that a view let through, with its sentence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page for a Problem; everything else goes on as an error."""
        if not isinstance(exception, Problem):
            return None
        response = render(
            request, f"{exception.status}.html", {"reason": str(exception)}, status=exception.status
        )
        if isinstance(exception, TooOften):
            response["Retry-After"] = str(exception.wait)
        return response


class NulMiddleware:
    """Refuses NUL characters in an address, a query or a form (400): no browser sends one, PostgreSQL stores none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *args: object) -> None:
        """Raise SuspiciousOperation, which Django answers with 400. Runs after the CSRF check has read the form."""
        forms = (request.GET, request.POST)
        texts = [text for form in forms for name, values in form.lists() for text in (name, *values)]
        if any("\0" in str(text) for text in (request.path, *texts)):
            raise SuspiciousOperation("A NUL character in the request.")
