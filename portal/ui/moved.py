"""Old addresses of pages, which lead to the new ones."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.urls import reverse


def moved_to(name: str) -> Callable[..., HttpResponsePermanentRedirect]:
    """Return a view that redirects to the URL `name`, with the same path arguments and query.

    The redirect is permanent. It keeps the method and the body (308, RFC 9110 section 15.4.9), so that a form that was
    open when the address changed is still saved.
    """

    def moved(request: HttpRequest, **arguments: object) -> HttpResponsePermanentRedirect:
        query = request.META.get("QUERY_STRING", "")
        address = reverse(name, kwargs=arguments)
        return HttpResponsePermanentRedirect(
            f"{address}?{query}" if query else address, preserve_request=request.method not in ("GET", "HEAD")
        )

    return moved
