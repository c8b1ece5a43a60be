"""After a restore from a backup: what mail hosts hold that the database lost, and a new epoch for the releases.
A host whose receipt names a release that this database never made sends its signed manifest. From it the portal
learns which permissions the hosts hold, and which they no longer hold.
"""

import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from portal.enforcement import releasing, signing
from portal.enforcement.hosts import target_standings
from portal.enforcement.models import ExportedGrant, HostManifest, HostState, HostToken, Release
from portal.lib.problem_json import TooLarge, Unusable
from portal.lib.problems import NotAllowed, WrongState

LARGEST_BYTES = 16 * 1024 * 1024
LARGEST_MANIFEST = 48 * 1024 * 1024
SIGNATURE_BYTES = 64


def wants_manifest(state: HostState) -> bool:
    """Whether the host should send its manifest: once for each release that is unknown here."""
    known = HostManifest.objects.filter(
        host=state.host,
        target=state.target,
        epoch=state.unknown.get("epoch", 0),
        serial=state.unknown.get("serial", 0),
    )
    return bool(state.unknown) and not known.exists()


@transaction.atomic
def take_manifest(*, token: HostToken, target: str, body: bytes) -> HostManifest:
    """Store the manifest of a host. `body` is gzip of the signature's 64 bytes and the manifest. Raises
    TooLarge, Unusable, NotAllowed if our key did not sign it, or WrongState if it was not requested.
    """
    if len(body) > LARGEST_BYTES:
        raise TooLarge(f"A manifest has at most {LARGEST_BYTES} bytes, compressed.")
    state = HostState.objects.select_for_update().filter(host=token.host, target=target).first()
    if state is None or not state.unknown:
        raise WrongState("The release that this host reported is known here; its manifest is not needed.")
    manifest = _unpacked(body)
    try:
        found = json.loads(manifest)
        facts = {"epoch": int(found.get("epoch", 0)), "serial": int(found["serial"])}
        is_ours = found["target"] == target and isinstance(found["entries"], list)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unusable("The body is no manifest of a release.") from None
    if not is_ours:
        raise Unusable("The manifest is of another target.")
    row, _ = HostManifest.objects.update_or_create(
        host=token.host,
        target=target,
        defaults={**facts, "received_at": timezone.now(), "packed": zlib.compress(manifest)},
    )
    return row


def _unpacked(body: bytes) -> bytes:
    """The manifest, verified before it is parsed."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        raw = unpacker.decompress(body, LARGEST_MANIFEST + SIGNATURE_BYTES + 1)
    except zlib.error:
        raise Unusable("The body is not compressed by gzip.") from None
    if len(raw) > LARGEST_MANIFEST + SIGNATURE_BYTES:
        raise TooLarge(f"A manifest has at most {LARGEST_MANIFEST} bytes.")
    signature, manifest = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not signing.has_key() or not signing.is_signed(manifest, signature):
        raise NotAllowed("This portal's key did not sign this manifest.")
    return manifest


# ---------------------------------------------------------------- after the restore
@dataclass
class Findings:
    """The differences between hosts and database, as lines for people, and the release that followed."""

    forgotten: list[str] = field(default_factory=list)
    """On hosts and unknown to the database: the next release removes these from the hosts."""
    revived: list[str] = field(default_factory=list)
    """In force in the database, and removed from the hosts after the backup: these are held until a person decides."""
    silent: list[str] = field(default_factory=list)
    """Hosts of which nothing is known since the restore."""
    outcome: releasing.ReleaseOutcome = field(default_factory=releasing.ReleaseOutcome)
    epoch: int = 0


def release_after_restore() -> Findings:
    """Start a new epoch and release every target in it; hosts accept these releases although their serials are
    lower. What was removed from hosts after the backup is not added again because of its restored rows: it is
    held. Raises
    SigningKeyMissing.
    """
    signing.key_id()
    findings = Findings(epoch=_next_epoch())
    with transaction.atomic():
        for standing in target_standings():
            _compare(standing.key, findings)
            findings.silent += [
                f"{host.state.host}, {standing.label}"
                for host in standing.hosts
                if not host.state.unknown and not _has_ours(host.state)
            ]
    findings.outcome = releasing.release(epoch=findings.epoch)
    return findings


def _next_epoch() -> int:
    """Greater than every earlier epoch, including those that the restored database lost, since it is the time."""
    known = Release.objects.aggregate(Max("epoch"))["epoch__max"] or 0
    told = HostState.objects.aggregate(Max("epoch"))["epoch__max"] or 0
    return max(known + 1, told + 1, int(time.time()))


def _has_ours(state: HostState) -> bool:
    return Release.objects.filter(target=state.target, epoch=state.epoch, serial=state.serial).exists()


def _compare(target: str, findings: Findings) -> None:
    """Compare the newest manifest that hosts sent of a target with what the database says was released last."""
    before = releasing.latest_release(target)
    rows = HostManifest.objects.filter(target=target).order_by("-epoch", "-serial")
    newest = rows.first()
    if newest is None or (before and (before.epoch, before.serial) >= (newest.epoch, newest.serial)):
        return
    held: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(zlib.decompress(bytes(newest.packed)))["entries"]:
        held.setdefault(entry["grant"], []).append(entry)
    standing = ExportedGrant.objects.filter(target=target, until__isnull=True).order_by("reference")
    known = {row.reference: row for row in standing.defer("facts", "lines")}
    hosts = ", ".join(rows.values_list("host", flat=True))
    for reference in sorted(held.keys() - known.keys()):
        findings.forgotten += [
            f"{target}: {reference} {entry['value']} until {entry['ends_on']} (on {hosts})"
            for entry in held[reference]
        ]
    revived = sorted(known.keys() - held.keys())
    findings.revived += [
        f"{target}: {reference}, taken out after the backup was made" for reference in revived
    ]
    for reference in revived:
        # Recorded as removed, so that its restored rows are an addition that no action explains.
        ExportedGrant.objects.filter(pk=known[reference].pk).update(until=before)
