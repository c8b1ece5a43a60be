"""A call with an Idempotency-Key is made once (draft-ietf-httpapi-idempotency-key-header).

The key's row is written before the call, in its own transaction, so that of two concurrent calls one runs and
the other is refused. A response is stored for a day and returned again; a failure on our side is deleted, so
that it can be retried.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.api.models import KeptCall, ServiceAccount
from portal.lib.problem_json import Unusable, problem_response
from portal.lib.problems import Problem, WrongState

KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=10)
"""Much longer than any call takes: after this the process is considered dead."""
LONGEST_KEY = 255
_TRY_AGAIN = (429,)


def once(*, account: ServiceAccount, request: HttpRequest, call: Callable[[], HttpResponse]) -> HttpResponse:
    """The response of `call`, made now or stored before. Raises Unusable or WrongState."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise Unusable(
            f"Send an Idempotency-Key of 1 to {LONGEST_KEY} characters, a new one for each request that you file.",
            {"Idempotency-Key": ["It is missing or too long."]},
        )
    digest = _digest(request)
    kept = _begin(account, key, digest)
    if kept is not None:
        return _again(kept, digest)
    row = KeptCall.objects.filter(account=account, key=key)
    try:
        answer = call()
    except Problem as problem:
        answer = problem_response(problem)
    except BaseException:
        row.delete()
        raise
    if answer.status_code >= 500 or answer.status_code in _TRY_AGAIN:
        row.delete()
    else:
        row.update(status=answer.status_code, body=answer.content.decode())
    return answer


def _begin(account: ServiceAccount, key: str, digest: str) -> KeptCall | None:
    """Write the key's row; where there is one already, that one."""
    KeptCall.objects.filter(account=account, key=key, made_at__lt=timezone.now() - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            KeptCall.objects.create(account=account, key=key, digest=digest)
    except IntegrityError:
        return KeptCall.objects.get(account=account, key=key)
    return None


def _again(kept: KeptCall, digest: str) -> HttpResponse:
    if kept.digest != digest:
        raise Unusable(
            "This Idempotency-Key was used for another call. Use a new key for a new request.",
            {"Idempotency-Key": ["It belongs to another call."]},
        )
    if kept.status is None and kept.made_at < timezone.now() - GIVEN_UP_AFTER:
        raise WrongState(
            "The first call with this Idempotency-Key never ended. See whether it is among your requests; if it is not, "
            "file it with a new key."
        )
    if kept.status is None:
        raise WrongState(
            "The first call with this Idempotency-Key is still under way. Ask again in a moment."
        )
    is_problem = kept.status >= 400
    answer = HttpResponse(
        kept.body,
        status=kept.status,
        content_type="application/problem+json" if is_problem else "application/json; charset=utf-8",
    )
    answer["Idempotent-Replayed"] = "true"
    return answer


def _digest(request: HttpRequest) -> str:
    found = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    found.update(request.body)
    return found.hexdigest()


def forget_calls() -> int:
    """Delete the calls of yesterday and before; return how many."""
    return KeptCall.objects.filter(made_at__lt=timezone.now() - KEPT_FOR).delete()[0]
