"""Keeping the words that a request is found by."""

from portal.workflow.models import SearchTerm, ServiceRequest

LONGEST_TERM = 255


def index(service_request: ServiceRequest) -> None:
    """Write the request's search terms anew: its reference, people, subject and the kind's own words."""
    terms = {service_request.reference, service_request.subject_key, service_request.title}
    for person in (service_request.requester, service_request.co_owner, service_request.sponsor):
        if person is not None:
            terms |= {person.email, person.name, *person.name.split()}
    terms |= service_request.kind_entry.search_terms(service_request)
    wanted = {term.strip().lower()[:LONGEST_TERM] for term in terms if term and term.strip()}
    wanted.add(service_request.reference.rpartition("-")[2])
    service_request.search_terms.exclude(term__in=wanted).delete()
    SearchTerm.objects.bulk_create(
        (SearchTerm(service_request=service_request, term=term) for term in sorted(wanted)),
        ignore_conflicts=True,
    )
