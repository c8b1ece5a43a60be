"""Endpoints for mail hosts with a token: the newest release of a target, and receipts."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from portal.accounts.machine_tokens import refuse_stranger
from portal.enforcement import restoring
from portal.enforcement.hosts import look_at
from portal.enforcement.models import HostToken, Release, ReleaseChunk
from portal.enforcement.receipts import LARGEST_BYTES, read_receipt, take_receipt
from portal.enforcement.releasing import latest_release
from portal.enforcement.targets import EXPORT_TARGETS
from portal.enforcement.tokens import usable_token
from portal.lib.problem_json import Missing, TooLarge, Unusable, answers_machines, problem_response
from portal.lib.problems import NotAllowed
from portal.lib.throttle import Rate, refuse_over

PULLS = Rate(60, 60)
RECEIPTS = Rate(60, 60)
MANIFESTS = Rate(6, 60)
WANTS = "X-TechMail-Wants"
"""In the response to a receipt: what the host should send."""


def _token_for(request: HttpRequest, target: str, rate: Rate) -> HostToken:
    """The token of the request, which may pull `target`. Raises NoToken, NotAllowed, Missing or TooOften."""
    token = usable_token(request.headers.get("Authorization", ""))
    if token is None:
        refuse_stranger(request, realm="exports")
    refuse_over((f"host:{request.method}:{target}:{token.pk}", rate), sentence="Asked too often.")
    if target not in {known.key for known in EXPORT_TARGETS}:
        raise Missing("There is no such target.")
    if target not in token.targets:
        raise NotAllowed("This token is not for this target.")
    return token


@answers_machines("GET", "HEAD")
def export(request: HttpRequest, target: str) -> HttpResponseBase:
    """Return the newest release of `target` as a signed archive, or 304 if the host has it."""
    _token_for(request, target, PULLS)
    newest = latest_release(target)
    if newest is None:
        raise Missing("Nothing was released for this target yet.")
    etag = f'"{target}-{newest.serial}-{newest.manifest_sha256[:16]}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    answer: HttpResponseBase = StreamingHttpResponse(_archive(newest), content_type="application/gzip")
    answer["ETag"], answer["Content-Length"] = etag, str(newest.size)
    answer["Content-Disposition"] = f'attachment; filename="{target}-{newest.serial}.tar.gz"'
    answer["X-TechMail-Serial"] = str(newest.serial)
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _archive(release: Release) -> Iterator[bytes]:
    # One chunk at a time: a large archive is never in memory as a whole.
    number = 0
    while True:
        piece = (
            ReleaseChunk.objects.filter(release=release, number=number).values_list("data", flat=True).first()
        )
        if piece is None:
            return
        yield bytes(piece)
        number += 1


@answers_machines("POST")
def receipts(request: HttpRequest, target: str) -> HttpResponse:
    """Store a host's receipt; IT is notified at once, and once, of a problem in it."""
    token = _token_for(request, target, RECEIPTS)
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BYTES:
        raise TooLarge(f"A receipt has at most {LARGEST_BYTES} bytes.")
    state = take_receipt(token=token, target=target, facts=read_receipt(request.body))
    look_at(state)
    if state.unknown:
        answer = problem_response(
            Unusable(
                "No release has this serial and digest.", {"serial": "This release was never made here."}
            )
        )
        if restoring.wants_manifest(state):
            answer[WANTS] = "manifest"
        return answer
    return JsonResponse({"serial": state.serial, "drift": bool(state.differing)}, status=201)


@answers_machines("POST")
def manifest(request: HttpRequest, target: str) -> HttpResponse:
    """Store the signed manifest of a release that a host holds and this database lost."""
    token = _token_for(request, target, MANIFESTS)
    row = restoring.take_manifest(token=token, target=target, body=request.read(restoring.LARGEST_BYTES + 1))
    return JsonResponse({"serial": row.serial}, status=201)
