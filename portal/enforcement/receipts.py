"""Receipts of mail hosts: validated, stored, and checked at once."""

import json
import re
from typing import Any

from django import forms
from django.db import transaction
from django.utils import timezone

from portal.enforcement.models import HostState, HostToken, Receipt, Release
from portal.lib.problem_json import TooLarge, Unusable
from portal.lib.problems import NotAllowed
from portal.lib.text import one_line, storable, truncate

LARGEST_BYTES = 64 * 1024
MOST_LINES = 60
LONGEST_LINE = 300
MOST_LAPSED = 5000
KEPT_RECEIPTS = 200
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,20}")
_AHEAD_SECONDS = 300
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ReceiptForm(forms.Form):
    """The plain fields of a receipt; `read_receipt` handles the rest."""

    target = forms.CharField(max_length=40)
    host = forms.CharField(max_length=100)
    epoch = forms.IntegerField(min_value=0, max_value=10**15, required=False)
    serial = forms.IntegerField(min_value=0, max_value=10**15)
    sha256 = forms.RegexField(_SHA256, required=False)
    applied_at = forms.DateTimeField(required=False)
    lint = forms.CharField(max_length=10_000, required=False)
    live_sha256 = forms.RegexField(_SHA256, required=False)

    def clean_applied_at(self) -> Any:
        """Not in the future: a host whose clock is wrong would drop entries on the wrong day."""
        at = self.cleaned_data["applied_at"]
        if at and (at - timezone.now()).total_seconds() > _AHEAD_SECONDS:
            raise forms.ValidationError("This lies in the future. Look at the host's clock.")
        return at


def read_receipt(body: bytes) -> dict[str, Any]:
    """The fields of a receipt. Raises TooLarge or Unusable."""
    if len(body) > LARGEST_BYTES:
        raise TooLarge(f"A receipt has at most {LARGEST_BYTES} bytes.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Unusable("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise Unusable("The body is not a JSON object.")
    plain = {name: storable(given.get(name)) for name in ReceiptForm.base_fields}
    form = ReceiptForm({name: value for name, value in plain.items() if isinstance(value, str | int)})
    if not form.is_valid():
        raise Unusable("The receipt is not complete.", form.errors.get_json_data())
    return {
        **form.cleaned_data,
        "differing": _lines(given.get("differing")),
        "epoch": form.cleaned_data["epoch"] or 0,
        "lapsed": _references(given.get("lapsed")),
    }


def _references(value: Any) -> list[str]:
    """The references that a host removed itself; other text is ignored."""
    found = value if isinstance(value, list) else []
    return [word for word in found[:MOST_LAPSED] if isinstance(word, str) and _REFERENCE.fullmatch(word)]


def _lines(value: Any) -> str:
    if value in (None, []):
        return ""
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise Unusable("The receipt is not complete.", {"differing": "This must be a list of lines."})
    kept = [truncate(_shown(line), LONGEST_LINE) for line in value[:MOST_LINES]]
    if len(value) > MOST_LINES:
        kept.append(f"and {len(value) - MOST_LINES} lines more")
    return "\n".join(kept)


def _shown(line: str) -> str:
    # The first character says whether the line is extra or missing; blanks after it belong to the line.
    return line[:1] + one_line(storable(line[1:]))


@transaction.atomic
def take_receipt(*, token: HostToken, target: str, facts: dict[str, Any]) -> HostState:
    """Store the receipt of the host of `token`. Adds history only if something changed. A release that this
    database never made is stored as unknown: hosts may hold one after a restore. Raises NotAllowed
    for another host's or target's receipt, Unusable for a release of ours with another digest.
    """
    if (facts["host"], facts["target"]) != (token.host, target):
        raise NotAllowed("A token speaks for its own host, and for the target in the address.")
    is_unknown = _is_unknown(target, facts)
    differing = facts["differing"] or ("" if is_unknown else _difference(target, facts))
    told = {
        "epoch": facts["epoch"],
        "serial": facts["serial"],
        "applied_at": facts["applied_at"],
        "lint": truncate(one_line(facts["lint"]), 500) if facts["lint"] not in ("", "ok") else "",
        "differing": differing,
    }
    HostState.objects.get_or_create(host=token.host, target=target)
    state = HostState.objects.select_for_update().get(host=token.host, target=target)
    changed = not is_unknown and any(getattr(state, name) != value for name, value in told.items())
    for name, value in told.items():
        setattr(state, name, value)
    state.reported_at, state.lapsed = timezone.now(), facts["lapsed"]
    state.unknown = {name: facts[name] for name in ("epoch", "serial", "sha256")} if is_unknown else {}
    state.save()
    if changed:
        Receipt.objects.create(host=token.host, target=target, **told)
        _drop_old_receipts(state)
    return state


def _released(target: str, facts: dict[str, Any]) -> Release | None:
    return Release.objects.filter(target=target, epoch=facts["epoch"], serial=facts["serial"]).first()


def _is_unknown(target: str, facts: dict[str, Any]) -> bool:
    """Whether the host holds a release that this database never made."""
    released = _released(target, facts)
    return bool(facts["serial"]) and (released is None or facts["sha256"] != released.manifest_sha256)


def _difference(target: str, facts: dict[str, Any]) -> str:
    """The problem of the host's files by digest alone."""
    released = _released(target, facts)
    if released is None:
        return ""
    if facts["lapsed"] or facts["live_sha256"] in ("", released.files_sha256):
        return ""
    return "The files differ from what was released; the host did not say in which lines."


def _drop_old_receipts(state: HostState) -> None:
    rows = Receipt.objects.filter(host=state.host, target=state.target).order_by("-id")
    oldest = rows.values_list("pk", flat=True)[KEPT_RECEIPTS : KEPT_RECEIPTS + 1].first()
    if oldest is not None:
        rows.filter(pk__lte=oldest).delete()
