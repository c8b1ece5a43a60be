"""The owner's two ways to renew: confirm as it is, or use the form. Two clicks file one renewal."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from portal.accounts.models import User
from portal.grants.kinds import GrantingKind
from portal.grants.models import Grant
from portal.grants.policies import check_grant_action, is_holder
from portal.grants.services import issuing
from portal.grants.services.locking import locked_grant
from portal.grants.states import GrantAction
from portal.lib.problems import Stale, WrongState
from portal.lib.throttle import Rate, refuse_over
from portal.renewals.facts import is_confirmable
from portal.renewals.gathering import Gathered, gather
from portal.renewals.models import Confirmation
from portal.renewals.selectors import renewal_under_way
from portal.workflow.kinds import Step
from portal.workflow.models import Counter, ServiceRequest
from portal.workflow.services import requesting
from portal.workflow.states import State

OF_ONE_GRANT = Rate(times=6, seconds=60)
"""Limit on new checks of one grant by confirmations, since they query other people's name servers."""


class NotConfirmable(WrongState):
    """Something changed since the approval, so one confirmation is not enough; `gathered` has the facts."""

    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered
        super().__init__("Something changed since it was approved. Read it below, then go through the form.")


def confirm(*, grant: Grant, actor: User, revision: int) -> ServiceRequest:
    """File a renewal that changes nothing and return it. Confirming again returns the same one.

    `revision` is the grant's when the page was drawn. Asks the DNS, outside any transaction. Raises NotAllowed,
    WrongState, Stale, NotConfirmable, TooOften, or ValidationError where an answer no longer fits its form.
    """
    service_request = confirmed_before(grant=grant, actor=actor)
    if service_request is None:
        _check_may_renew(grant, actor)
        _refuse_too_often(grant)
        gathered = gather(grant)
        if not is_confirmable(gathered.facts):
            raise NotConfirmable(gathered)
        service_request = _draft(grant, actor, revision)
    if service_request.state == State.DRAFT:
        _submit(service_request, actor)
    return service_request


def begin(*, grant: Grant, actor: User) -> ServiceRequest:
    """Start a renewal by its form and return the draft. Raises NotAllowed, or WrongState, which says what is open."""
    with transaction.atomic():
        held = _locked(grant)
        _check_may_renew(held, actor)
        return issuing.begin_renewal(grant=held, actor=actor)


def confirmed_before(*, grant: Grant, actor: User) -> ServiceRequest | None:
    """The actor's own open confirmed renewal, if there is one; a second click shows its receipt."""
    under_way = renewal_under_way(grant)
    if under_way is None:
        return None
    mine = Confirmation.objects.filter(service_request=under_way, confirmed_by=actor).exists()
    return under_way if mine else None


def _locked(grant: Grant) -> Grant:
    """Lock the grant after its kind's counter, in the same order as an approval."""
    Counter.objects.get_or_create(kind=grant.kind)
    Counter.objects.select_for_update().get(kind=grant.kind)
    return locked_grant(grant.pk)


def _check_may_renew(grant: Grant, actor: User) -> None:
    under_way = renewal_under_way(grant) if is_holder(grant, actor) else None
    if under_way is not None:
        what = under_way.get_intention_display().lower()
        raise WrongState(f"A {what} of {grant.reference} is under way already: {under_way.reference}.")
    check_grant_action(GrantAction.RENEW, grant, actor)


def _refuse_too_often(grant: Grant) -> None:
    refuse_over((f"renewal:{grant.pk}", OF_ONE_GRANT), sentence="It was looked at a few times just now.")


@transaction.atomic
def _draft(grant: Grant, actor: User, revision: int) -> ServiceRequest:
    held = _locked(grant)
    if (again := confirmed_before(grant=held, actor=actor)) is not None:
        return again  # another click was quicker
    _check_may_renew(held, actor)
    if held.revision != revision:
        raise Stale(f"Somebody changed {grant.reference} since you opened this page. Read it again.")
    draft = issuing.begin_renewal(grant=held, actor=actor)
    Confirmation.objects.create(service_request=draft, grant=held, confirmed_by=actor)
    for step in confirmed_steps(held.kind_entry):
        _state(draft, actor, step)
    return draft


def _submit(draft: ServiceRequest, actor: User) -> None:
    try:
        requesting.submit(service_request=draft, actor=actor, revision=draft.revision)
    except (Stale, WrongState):
        draft.refresh_from_db()
        if draft.state == State.DRAFT:
            raise
        # The other click submitted it in the meantime: its receipt is this one's too.


# ---------------------------------------------------------------- the pages that are answered anew
def confirmed_steps(kind: GrantingKind) -> list[Step]:
    """The pages of the form that must be answered again at a renewal."""
    return [step for step in kind.steps if step.key in kind.confirmed_steps]


def statements_of(kind: GrantingKind) -> list[str]:
    """The statements that the owner makes again, as in the form."""
    fields = [field for step in confirmed_steps(kind) for field in step.form_class.base_fields.values()]
    return [str(field.label) for field in fields if isinstance(field, forms.BooleanField) and field.required]


def _state(draft: ServiceRequest, actor: User, step: Step) -> None:
    form = step.form_class(draft, _as_typed(step, step.form_class(draft)))
    if not form.is_valid():
        fields = [str(form.fields[name].label) for name in form.errors if name in form.fields]
        raise ValidationError(
            f"“{step.title}” has to be answered anew: {', '.join(fields) or 'see the form'}."
        )
    requesting.save_step(
        service_request=draft, actor=actor, step=step.key, form=form, revision=draft.revision
    )


def _as_typed(step: Step, form: forms.Form) -> QueryDict:
    """The form data of the page as its owner would send it: the answers in force, and every statement checked."""
    typed = QueryDict(mutable=True)
    for name, field in form.fields.items():
        if isinstance(field, forms.BooleanField):
            if field.required or form.initial.get(name):
                typed[name] = "on"
            continue
        value: Any = field.prepare_value(form.initial.get(name))
        values = value if isinstance(value, list | tuple) else [value]
        typed.setlist(name, [str(entry) for entry in values if entry not in (None, "")])
    return typed
