"""Every address of the portal by everybody: what a GET answers, and what a POST answers.

The table is written by hand. An address that is not in it fails the test, so that no page comes to be without
somebody having said who may open it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.accounts.models import User
from portal.api.filing import FILINGS
from tests.access.conftest import ROLES, World
from tests.cast import client_of

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Row:
    """An address, and the statuses of GET and POST: one for all, `visitor | everybody signed in`, or one each.

    The order is that of ROLES: visitor, requester, co-owner, outsider, reviewer, postmaster, CIO office,
    auditor, administrator.
    """

    path: str
    get: str
    post: str


TABLE: dict[str, Row] = {
    "healthz": Row("/healthz", "200", "405"),
    "readyz": Row("/readyz", "200", "405"),
    "account_login": Row("/accounts/login/", "200 | 302", "200 | 302"),
    "account_logout": Row("/accounts/logout/", "302 | 200", "302"),
    "account_inactive": Row("/accounts/inactive/", "200", "405"),
    "account_signup": Row("/accounts/signup/", "200 | 302", "200 | 302"),
    "own_address": Row("/accounts/email/", "404", "404"),
    "account_email": Row("/accounts/email/", "404", "404"),
    "account_reauthenticate": Row("/accounts/reauthenticate/", "302 | 200", "302 | 200"),
    "account_email_verification_sent": Row("/accounts/confirm-email/", "200", "405"),
    "account_change_password": Row("/accounts/password/change/", "302 | 200", "302 | 200"),
    "account_set_password": Row("/accounts/password/set/", "302", "302"),
    "account_reset_password": Row("/accounts/password/reset/", "200", "200"),
    "account_confirm_login_code": Row("/accounts/login/code/confirm/", "302", "302"),
    "account_confirm_email": Row("/accounts/confirm-email/nokey/", "200", "404"),
    "account_reset_password_from_key_done": Row("/accounts/password/reset/key/done/", "200", "405"),
    "account_reset_password_from_key": Row("/accounts/password/reset/key/1-nokey/", "200", "200"),
    "account_reset_password_done": Row("/accounts/password/reset/done/", "200", "405"),
    "mfa_index": Row("/accounts/2fa/", "302 | 200", "302 | 405"),
    "mfa_authenticate": Row("/accounts/2fa/authenticate/", "302", "302"),
    "mfa_reauthenticate": Row("/accounts/2fa/reauthenticate/", "302", "302"),
    "mfa_activate_totp": Row("/accounts/2fa/totp/activate/", "302", "302"),
    "mfa_deactivate_totp": Row("/accounts/2fa/totp/deactivate/", "302 | 404", "302 | 404"),
    "mfa_view_recovery_codes": Row("/accounts/2fa/recovery-codes/", "302 | 404", "302 | 405"),
    "mfa_generate_recovery_codes": Row("/accounts/2fa/recovery-codes/generate/", "302", "302"),
    "mfa_download_recovery_codes": Row("/accounts/2fa/recovery-codes/download/", "302 | 404", "302 | 404"),
    "mfa_list_webauthn": Row("/accounts/2fa/webauthn/", "302 | 200", "302 | 405"),
    "mfa_add_webauthn": Row("/accounts/2fa/webauthn/add/", "302", "302"),
    "mfa_reauthenticate_webauthn": Row("/accounts/2fa/webauthn/reauthenticate/", "302", "302"),
    "mfa_remove_webauthn": Row("/accounts/2fa/webauthn/keys/1/remove/", "302", "302"),
    "mfa_edit_webauthn": Row("/accounts/2fa/webauthn/keys/1/edit/", "302", "302"),
    "socialaccount_login_cancelled": Row("/accounts/3rdparty/login/cancelled/", "200", "405"),
    "socialaccount_login_error": Row("/accounts/3rdparty/login/error/", "401", "405"),
    "no_sign_up": Row("/accounts/3rdparty/signup/", "403", "403"),
    "socialaccount_signup": Row("/accounts/3rdparty/signup/", "403", "403"),
    "socialaccount_connections": Row("/accounts/3rdparty/", "302 | 200", "302 | 200"),
    "accounts/social/login/cancelled/": Row("/accounts/social/login/cancelled/", "301", "301"),
    "accounts/social/login/error/": Row("/accounts/social/login/error/", "301", "301"),
    "accounts/social/signup/": Row("/accounts/social/signup/", "301", "301"),
    "accounts/social/connections/": Row("/accounts/social/connections/", "301", "301"),
    "brand_css": Row("/brand.css", "200", "405"),
    "favicon": Row("/favicon.svg", "200", "405"),
    "settings": Row("/settings/", "302 | 200", "302 | 422"),
    "standards": Row("/standards/", "200", "405"),
    "glossary": Row("/glossary/", "200", "405"),
    "outbox": Row("/outbox/", "302 403 403 403 200 200 403 403 200", "302 | 405"),
    "dev_mail": Row("/outbox/mail/", "404", "405"),
    "outbox_act": Row("/outbox/{failed_email}/", "302 | 405", "302 403 403 403 302 302 403 403 302"),
    "home": Row("/", "200", "405"),
    "guide": Row("/new/", "302 | 200", "302 | 405"),
    "start": Row("/new/relay/", "302 | 405", "302"),
    "search": Row("/search/", "302 | 200", "302 | 405"),
    "queue": Row("/queue/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "requests": Row("/requests/", "302 | 200", "302 | 405"),
    "request": Row("/requests/{request}/", "302 200 200 404 200 200 200 200 200", "302 | 405"),
    "request_answers": Row(
        "/requests/{draft}/answers/",
        "302 200 200 404 404 404 404 404 404",
        "302 409 409 404 404 404 404 404 404",
    ),
    "request_receipt": Row(
        "/requests/{request}/receipt/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "request_step": Row(
        "/requests/{draft}/edit/network/",
        "302 200 200 404 404 404 404 404 404",
        "302 422 422 404 404 404 404 404 404",
    ),
    "request_autosave": Row(
        "/requests/{draft}/edit/network/save/", "302 | 405", "302 200 200 404 404 404 404 404 404"
    ),
    "request_check": Row(
        "/requests/{draft}/edit/network/check/addresses/", "302 | 405", "302 200 200 404 404 404 404 404 404"
    ),
    "request_act": Row("/requests/{request}/do/deny/", "302 | 405", "302 403 403 404 422 403 403 403 403"),
    "request_recheck": Row(
        "/requests/{request}/recheck/", "302 | 405", "302 302 302 404 302 403 403 403 403"
    ),
    "request_accept_part": Row(
        "/requests/{request}/accept/",
        "302 302 302 404 302 302 302 302 302",
        "302 403 302 404 403 403 403 403 403",
    ),
    "request_take_over": Row(
        "/requests/{request}/take-over/",
        "302 302 302 404 302 302 302 302 302",
        "302 403 409 404 403 403 403 403 403",
    ),
    "request_waive": Row("/requests/{request}/waive/", "302 | 405", "302 403 403 404 422 403 403 403 403"),
    "request_upload": Row("/requests/{request}/files/", "302 | 405", "302 302 302 404 302 403 403 403 403"),
    "request_file": Row(
        "/requests/{request}/files/{file}/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "request_file_remove": Row(
        "/requests/{request}/files/{file}/remove/", "302 | 405", "302 302 302 404 302 403 403 403 403"
    ),
    "grants": Row("/permissions/mine/", "302 | 200", "302 | 405"),
    "grant": Row("/permissions/{grant}/", "302 200 200 404 200 200 200 200 200", "302 | 405"),
    "renewals": Row(
        "/renewals/", "302 403 403 403 200 200 200 200 200", "302 403 403 403 422 422 422 403 403"
    ),
    "renewal_run": Row("/renewals/runs/1/", "302 403 403 403 404 404 404 404 404", "302 | 405"),
    "grant_renew": Row(
        "/permissions/{grant}/renew/",
        "302 409 409 404 403 403 403 403 403",
        "302 409 409 404 403 403 403 403 403",
    ),
    "grant_act": Row("/permissions/{grant}/do/revoke/", "302 | 405", "302 403 403 404 422 422 422 403 403"),
    "enforcement": Row("/enforcement/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "held_change": Row(
        "/enforcement/held/1/", "302 403 403 403 404 404 404 404 404", "302 403 403 403 403 403 403 403 404"
    ),
    "confirm_date": Row(
        "/enforcement/date/", "302 403 403 403 302 302 302 302 302", "302 403 403 403 403 403 403 403 409"
    ),
    "host_tokens": Row(
        "/enforcement/tokens/", "302 403 403 403 403 403 403 403 200", "302 403 403 403 403 403 403 403 422"
    ),
    "host_token_revoke": Row(
        "/enforcement/tokens/1/revoke/", "302 | 405", "302 403 403 403 403 403 403 403 404"
    ),
    "webhooks": Row("/webhooks/", "302 403 403 403 403 403 403 200 200", "302 | 405"),
    "webhook_new": Row(
        "/webhooks/new/", "302 403 403 403 403 403 403 403 200", "302 403 403 403 403 403 403 403 422"
    ),
    "webhook": Row("/webhooks/{webhook}/", "302 403 403 403 403 403 403 200 200", "302 | 405"),
    "webhook_change": Row("/webhooks/{webhook}/change/", "302 | 405", "302 403 403 403 403 403 403 403 422"),
    "webhook_act": Row("/webhooks/{webhook}/do/pause/", "302 | 405", "302 403 403 403 403 403 403 403 302"),
    "webhook_retry": Row(
        "/webhooks/deliveries/{hook_delivery}/retry/", "302 | 405", "302 403 403 403 403 403 403 403 302"
    ),
    "export": Row("/export/v1/postfix", "401", "405"),
    "export_manifest": Row("/export/v1/postfix/manifest", "405", "401"),
    "export_receipts": Row("/export/v1/postfix/receipts", "405", "401"),
    "relay_consent": Row(
        "/relay/consent/{consent}/",
        "302 404 200 404 404 404 404 404 404",
        "302 404 302 404 404 404 404 404 404",
    ),
    "senders_consent": Row(
        "/senders/consent/{senders_consent}/",
        "302 404 200 404 404 404 404 404 404",
        "302 404 302 404 404 404 404 404 404",
    ),
    "campaign_consent": Row(
        "/campaigns/consent/{campaign_consent}/",
        "302 404 200 404 404 404 404 404 404",
        "302 404 409 404 404 404 404 404 404",
    ),
    "rechecks": Row("/enforcement/rechecks/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "unproven": Row("/enforcement/unproven/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "samples": Row(
        "/requests/{senders}/samples/",
        "302 200 200 404 200 200 200 200 200",
        "302 422 422 404 403 422 403 403 403",
    ),
    "samples_judge": Row(
        "/requests/{senders}/samples/judge/", "302 | 405", "302 302 302 404 403 302 403 403 403"
    ),
    "calendar": Row("/calendar/", "302 | 200", "302 | 405"),
    "calendar_agenda": Row("/calendar/agenda/", "302 | 200", "302 | 405"),
    "calendar_address": Row(
        "/calendar/address/", "302 403 403 403 403 403 200 403 403", "302 403 403 403 403 403 200 403 403"
    ),
    "calendar_feed": Row("/calendar/feed/none.ics", "404", "405"),
    "campaign_queue": Row("/campaigns/", "302 403 403 403 403 403 200 200 403", "302 | 405"),
    "campaign_dashboard": Row("/campaigns/dashboard/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "campaign_complaint_metrics": Row(
        "/campaigns/complaint-metrics/",
        "302 403 403 403 200 200 403 403 403",
        "302 403 403 403 422 422 403 403 403",
    ),
    "campaign_delivery": Row(
        "/campaigns/{campaign}/delivery/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "campaign_stop": Row("/campaigns/{campaign}/stop/", "302 | 405", "302 422 422 404 422 422 422 403 403"),
    "campaign_stop_decision": Row(
        "/campaigns/{campaign}/stop-decision/", "302 | 405", "302 403 403 404 409 409 409 403 403"
    ),
    "campaign_results": Row(
        "/campaigns/{campaign}/results/", "302 | 405", "302 422 422 404 403 403 403 403 403"
    ),
    "campaign_delegations": Row(
        "/campaigns/delegations/",
        "302 403 403 403 200 200 200 200 200",
        "302 403 403 403 403 403 422 403 403",
    ),
    "campaign_delegation_end": Row(
        "/campaigns/delegations/1/end/", "302 | 405", "302 403 403 403 403 403 404 403 403"
    ),
    "campaign_overview": Row(
        "/campaigns/{campaign}/overview/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "ask/": Row("/ask/", "301", "308"),
    "ask/<slug:kind_key>/": Row("/ask/relay/", "301", "308"),
    "grants/": Row("/grants/", "301", "308"),
    "grants/<str:reference>/": Row("/grants/{grant}/", "301", "308"),
    "grants/<str:reference>/renew/": Row("/grants/{grant}/renew/", "301", "308"),
    "grants/<str:reference>/do/<slug:action>/": Row("/grants/{grant}/do/revoke/", "301", "308"),
    "ownerless/": Row("/ownerless/", "301", "308"),
    "ownerless/claim/<str:token>/": Row("/ownerless/claim/none/", "301", "308"),
    "ownerless/<str:reference>/": Row("/ownerless/{grant}/", "301", "308"),
    "in-force/": Row("/in-force/", "301", "308"),
    "in-force/rechecks/": Row("/in-force/rechecks/", "301", "308"),
    "in-force/unproven/": Row("/in-force/unproven/", "301", "308"),
    "in-force/held/<int:pk>/": Row("/in-force/held/1/", "301", "308"),
    "in-force/date/": Row("/in-force/date/", "301", "308"),
    "in-force/tokens/": Row("/in-force/tokens/", "301", "308"),
    "in-force/tokens/<int:pk>/revoke/": Row("/in-force/tokens/1/revoke/", "301", "308"),
    "campaigns/signals/": Row("/campaigns/signals/", "301", "308"),
    "campaigns/<str:reference>/after/": Row("/campaigns/{campaign}/after/", "301", "308"),
    "campaigns/<str:reference>/answer/": Row("/campaigns/{campaign}/answer/", "301", "308"),
    "campaigns/<str:reference>/outcome/": Row("/campaigns/{campaign}/outcome/", "301", "308"),
    "campaigns/<str:reference>/case/": Row("/campaigns/{campaign}/case/", "301", "308"),
    "incidents": Row("/incidents/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "incident_new": Row(
        "/incidents/new/", "302 403 403 403 200 200 200 403 403", "302 403 403 403 422 422 422 403 403"
    ),
    "incident": Row("/incidents/1/", "302 | 404", "302 | 405"),
    "incident_add": Row("/incidents/1/add/", "302 | 404", "302 | 404"),
    "incident_close": Row("/incidents/1/close/", "302 | 405", "302 | 404"),
    "unowned": Row("/permissions/unowned/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "unowned_offer": Row("/permissions/unowned/{grant}/", "302 | 404", "302 | 404"),
    "unowned_claim": Row("/permissions/unowned/claim/none/", "302 | 404", "302 | 404"),
    "api_docs": Row("/api/docs/", "200", "405"),
    "api_tokens": Row(
        "/api/tokens/", "302 403 403 403 403 403 403 403 200", "302 403 403 403 403 403 403 403 422"
    ),
    "api_token_revoke": Row("/api/tokens/1/revoke/", "302 | 405", "302 403 403 403 403 403 403 403 404"),
    "api-root": Row("/api/v1/", "404", "415"),
    "openapi-json": Row("/api/v1/openapi.json", "200", "415"),
    "list_requests": Row("/api/v1/requests", "401", "415"),
    "get_request": Row("/api/v1/requests/{request}", "401", "415"),
    "get_findings": Row("/api/v1/requests/{request}/findings", "401", "415"),
    "get_events": Row("/api/v1/requests/{request}/events", "401", "415"),
    "list_grants": Row("/api/v1/grants", "401", "415"),
    "get_grant": Row("/api/v1/grants/{grant}", "401", "415"),
    # Programs file every kind that offers it in the same way.
    **{filing.name: Row(f"/api/v1{filing.path}", "405", "415") for filing in FILINGS},
    "file_renewal": Row("/api/v1/grants/{grant}/renewals", "405", "415"),
    "campaign_preview": Row(
        "/campaigns/{campaign}/preview/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "campaign_preview_frame": Row(
        "/campaigns/{campaign}/preview/frame/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "campaign_letter": Row(
        "/campaigns/{campaign}/letter/", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "campaign_letter_pdf": Row(
        "/campaigns/{campaign}/letter.pdf", "302 200 200 404 200 200 200 200 200", "302 | 405"
    ),
    "campaign_allow_again": Row(
        "/campaigns/{campaign}/lists/{list_use}/",
        "302 403 403 404 200 200 200 403 403",
        "302 403 403 404 422 422 422 403 403",
    ),
    "campaign_verify": Row(
        "/campaigns/{campaign}/verify/",
        "302 200 200 404 200 200 200 200 200",
        "302 422 422 404 422 422 422 422 422",
    ),
    "dns_records": Row("/dns-records/", "302 403 403 403 200 200 200 200 200", "302 | 405"),
    "dns_file": Row(
        "/dns-records/files/techmail_senders.zone", "302 403 403 403 200 200 200 200 200", "302 | 405"
    ),
    "dns_record_confirm": Row(
        "/dns-records/1/confirm/",
        "302 403 403 403 404 404 403 403 403",
        "302 403 403 403 404 404 403 403 403",
    ),
    "sample_file": Row("/requests/{senders}/samples/1/", "302 | 404", "302 | 405"),
}
"""By the name of the address; by its route where it has no name."""

BODIES: dict[str, dict[str, Any]] = {
    "request_waive": {"waive-rule": "on-campus", "waive-reason": "It is a test."},
    "request_act": {"deny-comment": ""},
    "outbox_act": {"action": "retry"},
    "relay_consent": {"answer": "agree"},
    "senders_consent": {"answer": "agree"},
    "campaign_consent": {"answer": "agree"},
}
"""What a POST carries where an empty one would not reach the question of who may."""

DEVELOPMENT = {"styleguide", "styleguide_live"}
"""Addresses that are there only where the URLs were read with DEBUG on."""
VOLATILE = {"sessions.Session", "account.EmailAddress"}


def expected(statuses: str) -> list[int]:
    """The status for each of ROLES."""
    if "|" in statuses:
        visitor, everybody = statuses.split(" | ")
        return [int(visitor), *[int(everybody)] * (len(ROLES) - 1)]
    numbers = [int(part) for part in statuses.split()]
    return numbers * len(ROLES) if len(numbers) == 1 else numbers


def addresses(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """The name of every address below `resolver`, or its route where it has none."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry, route)
        else:
            assert isinstance(entry, URLPattern)
            yield entry.name or route


def url(row: Row, world: World) -> str:
    return row.path.format(
        draft=world.draft.reference,
        request=world.request.reference,
        grant=world.grant.reference,
        file=world.file,
        failed_email=world.failed_email,
        consent=world.consent,
        senders_consent=world.senders_consent,
        campaign_consent=world.campaign.pk,
        senders=world.senders.reference,
        campaign=world.campaign.reference,
        list_use=world.list_use,
        webhook=world.webhook,
        hook_delivery=world.hook_delivery,
    )


def everything() -> dict[str, Any]:
    """Every row of every table but sessions, to see whether something was written."""
    return {
        model._meta.label: sorted(map(repr, model._default_manager.values_list()))
        for model in apps.get_models()
        if model._meta.label not in VOLATILE
    }


class _Undo(Exception):
    pass


def status_of(client: Client, method: str, path: str, data: dict[str, Any] | None = None) -> int:
    """The status of one call, whose writes are rolled back."""
    try:
        with transaction.atomic():
            status: int = getattr(client, method)(path, data or {}).status_code
            raise _Undo
    except _Undo:
        return status


def test_every_address_is_in_the_table() -> None:
    assert set(addresses(get_resolver())) - DEVELOPMENT == set(TABLE)


def test_every_get_answers_as_the_table_says_and_writes_nothing(world: World) -> None:
    wrong = {}
    for position, role in enumerate(ROLES):
        client = world.client(role)
        seen = everything()
        for name, row in TABLE.items():
            found = client.get(url(row, world)).status_code
            if found != expected(row.get)[position]:
                wrong[name, role] = found
        assert everything() == seen, role
    assert wrong == {}


def test_a_head_answers_like_a_get(world: World) -> None:
    for role in ("anonymous", "requester", "reviewer"):
        client = world.client(role)
        for name, row in TABLE.items():
            if not row.path.startswith("/accounts/"):
                path = url(row, world)
                assert client.head(path).status_code == client.get(path).status_code, (name, role)


@pytest.mark.parametrize("role", ROLES)
def test_every_post_answers_as_the_table_says(world: World, role: str) -> None:
    position, wrong = ROLES.index(role), {}
    for name, row in TABLE.items():
        data = dict(BODIES.get(name, {}))
        if name == "request_upload":
            data["upload"] = BytesIO(b"Words.")
            data["upload"].name = "words.txt"
        client = world.client(role)
        found = status_of(client, "post", url(row, world), data)
        if found != expected(row.post)[position]:
            wrong[name] = found
    assert wrong == {}


def test_a_post_without_the_sites_token_is_refused(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.cast.reviewer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(url(TABLE["request_act"], world)).status_code == 403
    assert client.post(url(TABLE["start"], world)).status_code == 403


def test_nobody_gives_themselves_another_address(world: World) -> None:
    client = client_of(world.cast.requester)
    for data in (
        {"action_add": "", "email": "somebody-else@ttu.edu"},
        {"action_primary": "", "email": "somebody-else@ttu.edu"},
    ):
        assert client.post("/accounts/email/", data).status_code == 404
    assert User.objects.get(pk=world.cast.requester.pk).email == "requester@ttu.edu"


def test_a_strangers_reference_looks_like_none_at_all(world: World) -> None:
    client = client_of(world.cast.outsider)
    strange = client.get(f"/requests/{world.request.reference}/")
    missing = client.get("/requests/TM-R-9999999/")
    assert (strange.status_code, missing.status_code) == (404, 404)
    assert world.request.reference not in strange.content.decode().replace(f"/{world.request.reference}/", "")


@pytest.mark.parametrize("role", ["requester", "reviewer"])
def test_a_file_comes_as_a_download_and_never_inline(world: World, role: str) -> None:
    response = world.client(role).get(url(TABLE["request_file"], world))
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    response.close()
