"""The portal's addresses, and the floor: the least that a signed-in page can cost in this stack."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from portal.urls import urlpatterns as portal_urls
from portal.workflow.models import ServiceRequest


@login_required
def floor(request: HttpRequest, pk: int) -> HttpResponse:
    """One row by its key, as a word: session, person and row are the three queries."""
    return HttpResponse(ServiceRequest.objects.values_list("reference", flat=True).get(pk=pk))


urlpatterns = [path("floor/<int:pk>/", floor, name="floor"), *portal_urls]
