"""Comments: for everybody who sees the request, or for reviewers only."""

from django.db import transaction

from portal.accounts.models import User
from portal.lib.problems import NotAllowed
from portal.lib.throttle import Rate
from portal.workflow import notices
from portal.workflow.models import Event, ServiceRequest, Visibility
from portal.workflow.policies import check_action, may_read_internal
from portal.workflow.services.limits import refuse_too_often
from portal.workflow.services.transition import check_form
from portal.workflow.states import Action

COMMENTS_OF_ONE_PERSON = Rate(times=15, seconds=300)
COMMENTS_OF_ONE_REQUEST = Rate(times=30, seconds=600)


@transaction.atomic
def comment(
    *,
    service_request: ServiceRequest,
    actor: User,
    text: str,
    visibility: Visibility = Visibility.PUBLIC,
) -> Event:
    """Add a comment. It changes no state, so it needs no revision and never loses a race.

    Raises NotAllowed, WrongState, TooOften, or ValidationError, keyed `comment`, for an empty one.
    """
    check_action(Action.COMMENT, service_request, actor)
    check_form(Action.COMMENT, comment=text)
    if visibility == Visibility.REVIEWERS and not may_read_internal(actor):
        raise NotAllowed("Notes for reviewers are written by reviewers.")
    refuse_too_often(
        "comments",
        service_request,
        actor,
        of_person=COMMENTS_OF_ONE_PERSON,
        of_request=COMMENTS_OF_ONE_REQUEST,
        sentence="Those were many comments in a short time, and each is an email to others.",
    )
    event = Event.objects.create(
        service_request=service_request,
        actor=actor,
        action=Action.COMMENT,
        from_state=service_request.state,
        to_state=service_request.state,
        stage=service_request.stage,
        comment=text.strip(),
        visibility=visibility,
    )
    if visibility == Visibility.PUBLIC:
        notices.commented(service_request=service_request, event=event)
    return event


def note_program(*, service_request: ServiceRequest, actor: User, name: str) -> Event:
    """Say on the timeline that the program `name` acted for `actor`."""
    return Event.objects.create(
        service_request=service_request,
        actor=actor,
        capacity=f"through the program {name}"[:100],
        action="program",
        from_state=service_request.state,
        to_state=service_request.state,
        stage=service_request.stage,
    )
