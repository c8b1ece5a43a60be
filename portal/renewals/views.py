"""The owner's page of a renewal: what was approved, what changed since, and one confirmation."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.grants.policies import check_grant_action, is_holder
from portal.grants.states import GrantAction
from portal.lib.problems import NotAllowed
from portal.renewals.facts import BEFORE_FILING, classify, is_confirmable
from portal.renewals.forms import ConfirmForm
from portal.renewals.gathering import Gathered, gather_lately
from portal.renewals.selectors import approval_of, renewal_under_way
from portal.renewals.services import filing


def _load(request: HttpRequest, reference: str) -> Grant:
    grants = Grant.objects.visible_to(person(request)).select_related(
        "owner", "co_owner", "latest_request__requester", "latest_request__co_owner"
    )
    grant = grants.filter(reference=reference).first()
    if grant is None:
        raise Http404("There is no permission with this reference, or you may not see it.")
    if not is_holder(grant, person(request)):
        raise NotAllowed("Its owner and co-owner renew it.")
    return grant


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def renew(request: HttpRequest, reference: str) -> HttpResponse:
    """Show a permission before its renewal; confirm it as it is, or use the form."""
    grant = _load(request, reference)
    if request.method == "POST":
        return _file(request, grant)
    under_way = renewal_under_way(grant)
    if under_way is not None:
        return redirect(under_way)
    check_grant_action(GrantAction.RENEW, grant, person(request))
    return _show(request, grant, gather_lately(grant))


def _file(request: HttpRequest, grant: Grant) -> HttpResponse:
    if "form" in request.POST:
        return redirect("request_answers", filing.begin(grant=grant, actor=person(request)).reference)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        check_grant_action(GrantAction.RENEW, grant, person(request))
        return _show(request, grant, gather_lately(grant), "Press the button on this page.", status=422)
    try:
        filed = filing.confirm(grant=grant, actor=person(request), revision=form.cleaned_data["revision"])
    except filing.NotConfirmable as problem:
        return _show(request, grant, problem.gathered, str(problem), status=problem.status)
    except ValidationError as error:
        return _show(request, grant, gather_lately(grant), " ".join(error.messages), status=422)
    return redirect("request_receipt", filed.reference)


def _show(
    request: HttpRequest, grant: Grant, gathered: Gathered, notice: str = "", status: int = 200
) -> HttpResponse:
    kind, today = grant.kind_entry, timezone.localdate()
    ends_on = kind.ends_if_renewed(grant, today)
    facts = gathered.in_order
    context = {
        "grant": grant,
        "kind": kind,
        "sentence": kind.permission_sentence(grant),
        "rows": [
            {"label": label, "lines": lines, "is_code": True} for label, lines in kind.permission_rows(grant)
        ],
        "approval": approval_of(grant),
        "gathered": gathered,
        "usage": gathered.usage,
        "changed": [fact for fact in facts if fact.stand != "same"],
        "same": [fact for fact in facts if fact.stand == "same"],
        "statements": filing.statements_of(kind),
        "ends_on": ends_on,
        "may_confirm": ends_on is not None and is_confirmable(facts),
        "verdict": classify(gathered.facts, gathered.use, needed=BEFORE_FILING),
        "form": ConfirmForm(initial={"revision": grant.revision}),
        "notice": notice,
    }
    return render(request, "renewals/renew.html", context, status=status)
