"""Getting a request for a page: by reference, and only where the person may know of it."""

from django.http import Http404, HttpRequest

from portal.accounts.signed_in import person
from portal.workflow.models import ServiceRequest


def load(request: HttpRequest, reference: str) -> ServiceRequest:
    """The request of this reference, with its people; 404 where the person may not know of it."""
    visible = ServiceRequest.objects.visible_to(person(request)).with_people()
    found = visible.filter(reference=reference).first()
    if found is None:
        raise Http404("No such request.")
    return found
