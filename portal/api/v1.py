"""The operations of `/api/v1/`. Each uses the same services and policies as the pages."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Query
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as Malformed
from ninja.params.functions import Header
from ninja.responses import Response
from ninja.security import HttpBearer

from portal.accounts.machine_tokens import refuse_stranger
from portal.api import filing, idempotency, reading
from portal.api import schemas as s
from portal.api.accounts import usable_token
from portal.api.models import ApiToken, Scope
from portal.grants.states import GrantState
from portal.lib.problem_json import Missing, NoToken, Unusable, problem_response
from portal.lib.problems import NotAllowed, Problem
from portal.lib.throttle import Rate, refuse_over
from portal.workflow import registry
from portal.workflow.states import State

CALLS = Rate(300, 60)
REALM = "api"
DESCRIPTION = """Requests, permissions and decisions of the portal, for programs.

A service account acts for a person: it sees what that person sees, and what it files is that person's. An administrator
makes its tokens. Errors are application/problem+json. Times are UTC, days are the institution's."""


class Bearer(HttpBearer):
    """A token of a service account (RFC 6750). Cookies open nothing here."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """The token's row, with its account and owner. Raises NoToken or TooOften."""
        row = usable_token(f"Bearer {token}")
        if row is None:
            refuse_stranger(request, realm=REALM)
        refuse_over((f"api:{row.pk}", CALLS), sentence="Asked too often.")
        return row


class Api(NinjaAPI):
    """Ninja's, with errors described as what they are."""

    def get_openapi_schema(self, *args: Any, **options: Any) -> Any:
        """The document; errors are application/problem+json in it."""
        document = super().get_openapi_schema(*args, **options)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {
                            "application/problem+json": answer["content"]["application/json"]
                        }
                        answer["description"] = HTTPStatus(int(status)).phrase
        return document


api = Api(
    title="TechMail Portal",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    auth=Bearer(),
    openapi_url="/openapi.json",
    urls_namespace="api-1",
)


# ---------------------------------------------------------------- errors
@api.exception_handler(Problem)
def _on_problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem_response(problem)


@api.exception_handler(Http404)
def _on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem_response(Missing(str(error) or "There is nothing here."))


@api.exception_handler(AuthenticationError)
def _on_nobody(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem_response(NoToken("Send a token: Authorization: Bearer.", REALM))


@api.exception_handler(Malformed)
def _on_malformed(request: HttpRequest, error: Malformed) -> HttpResponse:
    errors: dict[str, list[str]] = {}
    for one in error.errors:
        place = [
            str(part)
            for part in one["loc"]
            if part not in ("body", "query", "path", "header", "answers", "filters")
        ]
        errors.setdefault(".".join(place) or "body", []).append(f"{one['msg']}.")
    return problem_response(Unusable("What was sent is not as the document says. See errors.", errors))


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    class _Said(Problem):
        status = error.status_code

    return problem_response(_Said(f"{error.message}."))


# ---------------------------------------------------------------- who asks
def _token(request: HttpRequest, scope: Scope) -> ApiToken:
    token: ApiToken = request.auth  # type: ignore[attr-defined]  # ninja puts it there
    if scope not in token.account.scopes:
        raise NotAllowed(f"This service account may not do that: it has no scope {scope}.")
    return token


def _check_words(filters: s.GrantFilters, states: set[str]) -> None:
    """Raise Unusable for an unknown kind or state; an empty list would be misleading."""
    errors: dict[str, list[str]] = {}
    for name, value, known in (
        ("kind", filters.kind, {kind.key for kind in registry.kinds()}),
        ("state", filters.state, states),
    ):
        if value and value not in known:
            errors[name] = [f"It is none of {', '.join(sorted(known))}."]
    if errors:
        raise Unusable("A filter has a value that there is none of. See errors.", errors)


def _in_utc(moment: datetime | None) -> datetime | None:
    """The moment in UTC; nothing was changed before 1970. Raises Unusable for one beyond the calendar."""
    if moment is None:
        return None
    try:
        return max(moment.astimezone(UTC), datetime(1970, 1, 1, tzinfo=UTC))
    except OverflowError:
        raise Unusable(
            "updated_since is no moment of our calendar.",
            {"updated_since": ["Send a year from 1970 to 9998."]},
        ) from None


_READ = {400: s.Problem, 401: s.Problem, 403: s.Problem, 429: s.Problem}
_READ_ONE = {**_READ, 404: s.Problem}
_LIST = {**_READ, 422: s.Problem}
_WRITE = {**_READ_ONE, 409: s.Problem, 413: s.Problem, 415: s.Problem, 422: s.Problem}


# ---------------------------------------------------------------- requests
@api.get(
    "/requests", response={200: s.RequestPage, **_LIST}, tags=["Requests"], summary="Requests, newest first"
)
def list_requests(
    request: HttpRequest,
    filters: Query[s.RequestFilters],
) -> Any:
    """The requests that the account's owner may see."""
    owner = _token(request, Scope.READ_REQUESTS).account.owner
    _check_words(filters, set(State.values))
    since = filters.updated_since
    if since is not None and since.tzinfo is None:
        raise Unusable("Say the zone of updated_since.", {"updated_since": ["It has no zone, such as Z."]})
    rows = reading.requests(owner, kind=filters.kind, state=filters.state, updated_since=_in_utc(since))
    found, following = reading.page(rows, after=filters.after, limit=filters.limit)
    return {"items": [reading.as_request(row) for row in found], "next": following}


@api.get(
    "/requests/{reference}",
    response={200: s.RequestOut, **_READ_ONE},
    tags=["Requests"],
    summary="One request",
)
def get_request(request: HttpRequest, reference: str) -> Any:
    """A request by its reference."""
    owner = _token(request, Scope.READ_REQUESTS).account.owner
    return reading.as_request(reading.request_of(owner, reference))


@api.get(
    "/requests/{reference}/findings",
    response={200: s.FindingsOut, **_READ_ONE},
    tags=["Requests"],
    summary="What the checks found, by clause",
)
def get_findings(request: HttpRequest, reference: str) -> Any:
    """The newest checks; of a request that was decided, those it was decided on."""
    owner = _token(request, Scope.READ_REQUESTS).account.owner
    return reading.findings_of(reading.request_of(owner, reference))


@api.get(
    "/requests/{reference}/events",
    response={200: list[s.EventOut], **_READ_ONE},
    tags=["Requests"],
    summary="What happened: decisions, questions, comments",
)
def get_events(request: HttpRequest, reference: str) -> Any:
    """The timeline, oldest first. A decision has its reason and the clauses it cites."""
    owner = _token(request, Scope.READ_REQUESTS).account.owner
    return reading.events_of(reading.request_of(owner, reference), owner)


# ---------------------------------------------------------------- permissions
@api.get(
    "/grants", response={200: s.GrantPage, **_LIST}, tags=["Permissions"], summary="Permissions, newest first"
)
def list_grants(
    request: HttpRequest,
    filters: Query[s.GrantFilters],
) -> Any:
    """The permissions that the account's owner may see."""
    owner = _token(request, Scope.READ_GRANTS).account.owner
    _check_words(filters, set(GrantState.values))
    found, following = reading.page(
        reading.grants(owner, kind=filters.kind, state=filters.state),
        after=filters.after,
        limit=filters.limit,
    )
    return {"items": reading.as_grants(found), "next": following}


@api.get(
    "/grants/{reference}",
    response={200: s.GrantDetail, **_READ_ONE},
    tags=["Permissions"],
    summary="One permission",
)
def get_grant(request: HttpRequest, reference: str) -> Any:
    """A permission with what it allows, and where it is live."""
    owner = _token(request, Scope.READ_GRANTS).account.owner
    return reading.as_grant_detail(reading.grant_of(owner, reference))


# ---------------------------------------------------------------- filing
_KEY: Any = Header(
    ...,
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    description="New for each thing you file; the same key never files twice.",
)


def _offer(offered: filing.Filing) -> None:
    """Add the operation by which programs file requests of one kind."""

    def file(request: HttpRequest, answers: Any, idempotency_key: str = _KEY) -> Any:
        account = _token(request, Scope.WRITE_REQUESTS).account

        def call() -> HttpResponse:
            # As sent: the forms judge the values, and refuse a name that they do not know.
            given = json.loads(request.body)
            filed = filing.file_request(
                kind=offered.kind, owner=account.owner, answers=given, through=account.name
            )
            return _filed(filed)

        return idempotency.once(account=account, request=request, call=call)

    file.__annotations__["answers"] = offered.answers()
    file.__name__ = offered.name
    api.post(
        offered.path,
        response={201: s.Filed, **_WRITE},
        tags=["Filing"],
        summary=offered.summary,
        description=offered.description,
    )(file)


for _filing in filing.FILINGS:
    _offer(_filing)


@api.post(
    "/grants/{reference}/renewals",
    response={201: s.Filed, **_WRITE},
    tags=["Filing"],
    summary="Renew a permission as it is",
)
def file_renewal(request: HttpRequest, reference: str, idempotency_key: str = _KEY) -> Any:
    """Confirms what was approved for another term. 409 where something changed: then a person goes through the form."""
    account = _token(request, Scope.WRITE_REQUESTS).account
    grant = reading.grant_of(account.owner, reference)

    def call() -> HttpResponse:
        return _filed(filing.renew(grant=grant, owner=account.owner, through=account.name))

    return idempotency.once(account=account, request=request, call=call)


def _filed(row: Any) -> HttpResponse:
    return Response(
        {"reference": row.reference, "state": row.state, "url": reading.address(row.get_absolute_url())},
        status=201,
    )
