"""Getting a request for a page: by reference, and only where the person may know of it."""

from typing import cast

from django.http import Http404, HttpRequest

from portal.accounts.models import User
from portal.workflow.models import ServiceRequest


def person(request: HttpRequest) -> User:
    """The signed-in person; the view is behind `login_required`.

    Taken out of the request's lazy object, through which each attribute goes by a detour: a list asks hundreds.
    """
    user = request.user
    assert user.is_authenticated  # This loads what is behind it.
    return cast(User, getattr(user, "_wrapped", user))


def load(request: HttpRequest, reference: str) -> ServiceRequest:
    """The request of this reference, with its people; 404 where the person may not know of it."""
    visible = ServiceRequest.objects.visible_to(person(request)).with_people()
    found = visible.filter(reference=reference).first()
    if found is None:
        raise Http404("No such request.")
    return found
