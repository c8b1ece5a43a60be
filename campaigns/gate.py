"""The gate for large lists: only the approved message passes, in its window, once for each list (MKT-4, MKT-5).

The milter asks at the end of each message to a gated list (portal/policy_service/gates.py). The answer is read from the
database each time, so that a campaign that was just stopped is refused at once.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, connections, transaction
from django.urls import reverse
from django.utils import timezone

from campaigns import notices, selectors
from campaigns.models import CampaignPermission, ListUse
from portal.grants.links import public_page
from portal.grants.models import Grant, GrantEvent
from portal.institution import GatedList, institution
from portal.lib import confined
from portal.message_checks.fingerprint import Fingerprint, fingerprint_of
from portal.message_checks.parsing import UnreadableMessage
from portal.policy_service import replies
from portal.policy_service.gates import GatedMessage, GateUnavailable, gated_address
from portal.sending_calendar.labels import population_labels

LARGEST = 4 * 1024 * 1024
"""Octets of a message. The approved file has at most 2 MB, and transport may change it to a larger encoding."""
SECONDS, MEGABYTES = 10.0, 256
"""Limits for reading one message. The approved message was read within similar limits when it was uploaded."""

MOST_SECONDS = 20.0
"""Seconds after which no answer is given any more: the sender was told to retry, and a recorded use would refuse that."""

Lists = Mapping[str, GatedList]


class CampaignGate:
    """Lets an approved campaign pass to the lists of the populations it is approved for."""

    def addresses(self) -> frozenset[str]:
        """Return the addresses of the institution's gated lists."""
        return frozenset(institution().gated)

    def judge(self, message: GatedMessage) -> str:
        """Return why the message may not pass, in one sentence; "" if it may, which records its one use of each list.

        Raises GateUnavailable if the database does not answer or other messages are being read.
        """
        _close_stale_connections()
        try:
            return _judged(message)
        except (DatabaseError, InterfaceError) as error:
            raise GateUnavailable(f"The database did not answer: {error}") from error
        except confined.Busy as error:
            raise GateUnavailable(str(error)) from error
        finally:
            _close_stale_connections()


def _close_stale_connections() -> None:
    """Close broken and old database connections, as Django does around a request; Django does not manage this thread."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _judged(message: GatedMessage) -> str:
    begun = time.monotonic()
    lists = _lists_of(message.recipients)
    if not lists:
        return ""
    mark = _read(message, next(iter(lists)))
    if isinstance(mark, str):
        return _refusal(mark, _new_request())
    try:
        return _use(message, mark, lists, until=begun + MOST_SECONDS)
    except IntegrityError:  # Another message was recorded a moment earlier.
        return _refusal(f"This message was already sent to {' and '.join(lists)}.", _new_request())


def _read(message: GatedMessage, address: str) -> Fingerprint | str:
    """Return the message's fingerprint, or the sentence why it cannot pass to a large list."""
    if not message.sender:
        return f"{address} accepts no bounces and no automatic replies."
    if len(message.content) > LARGEST:
        return f"This message is larger than {address} accepts."
    try:
        mark = confined.run(fingerprint_of, message.content, seconds=SECONDS, megabytes=MEGABYTES)
    except (UnreadableMessage, confined.Exceeded):
        return f"This message cannot be read, so it is not one that was approved for {address}."
    return f"{address} accepts no bounces and no automatic replies." if mark.is_automatic_reply else mark


def _lists_of(recipients: Iterable[str]) -> dict[str, GatedList]:
    gated, delimiters = institution().gated, institution().recipient_delimiters
    found = (gated_address(recipient, gated, delimiters=delimiters) for recipient in recipients)
    return {address: gated[address] for address in found if address}


# ---------------------------------------------------------------- the use
@transaction.atomic
def _use(message: GatedMessage, mark: Fingerprint, lists: Lists, *, until: float) -> str:
    """Record the use of every list and return "", or of none and return why."""
    today = timezone.localdate(message.at)
    approvals = _locked(mark.digest)
    if not approvals:
        return _not_approved(mark, lists, today)
    used = _used(approvals, mark.digest)
    chosen: list[tuple[CampaignPermission, str]] = []
    for address, entry in lists.items():
        answers = [(row, _why_not(row, address, entry, today, used)) for row in approvals]
        fitting = next((row for row, why in answers if not why), None)
        if fitting is None:
            # Prefer the approval for these populations: its refusal tells the sender more.
            return next((why for row, why in answers if _covers(row, entry)), answers[0][1])
        chosen.append((fitting, address))
    if time.monotonic() > until:
        raise GateUnavailable("The answer came too late.")
    _note(message, mark, chosen)
    return ""


def _locked(digest: str) -> list[CampaignPermission]:
    """Return the approvals of a message, locked: a revocation waits for this transaction or came before it."""
    rows = CampaignPermission.objects.filter(canonical_sha256=digest)
    keys = {key for pair in rows.values_list("grant_id", "sender_grant_id") for key in pair if key}
    if not keys:
        return []
    list(Grant.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
    return list(
        selectors.judged().filter(canonical_sha256=digest).prefetch_related("audiences").order_by("-pk")
    )


def _used(approvals: Sequence[CampaignPermission], digest: str) -> dict[tuple[int, str], ListUse]:
    rows = ListUse.objects.filter(permission__in=approvals, canonical_sha256=digest, released_at__isnull=True)
    return {(row.permission_id, row.list_address): row for row in rows}


def _covers(permission: CampaignPermission, entry: GatedList) -> bool:
    return set(entry.populations) <= _people(permission)


def _people(permission: CampaignPermission) -> set[str]:
    return {row.population for row in permission.audiences.all()}


def _why_not(
    permission: CampaignPermission,
    address: str,
    entry: GatedList,
    today: date,
    used: Mapping[tuple[int, str], ListUse],
) -> str:
    """Return why the approved message may not go to the list; "" if it may."""
    reference = permission.grant.reference
    if not _covers(permission, entry):
        allowed, wanted = _labels(_people(permission)), _labels(entry.populations)
        return _refusal(
            f"{reference} is approved for {allowed} but {address} reaches {wanted}.", _page(permission)
        )
    standing = selectors.standing(permission, today, in_words=date.isoformat)
    if not standing.may_send:
        return _refusal(standing.sentence, _page(permission))
    if use := used.get((permission.pk, address)):
        return _refusal(
            f"{reference} was already sent to {address} at {timezone.localtime(use.passed_at):%Y-%m-%d %H:%M} and may be sent there once.",
            _page(permission),
        )
    return ""


def _note(
    message: GatedMessage, mark: Fingerprint, chosen: Collection[tuple[CampaignPermission, str]]
) -> None:
    uses = ListUse.objects.bulk_create(
        ListUse(
            permission=permission,
            canonical_sha256=mark.digest,
            list_address=address,
            queue_id=message.queue_id[:64],
            client=message.client[:45],
            envelope_sender=message.sender[:320],
            passed_at=message.at,
        )
        for permission, address in chosen
    )
    for use in uses:
        grant = use.permission.grant
        GrantEvent.objects.create(
            grant=grant,
            action="list_pass",
            from_state=grant.state,
            to_state=grant.state,
            reason=f"To {use.list_address} as queue ID {use.queue_id}, sent by {use.client}",
        )
        notices.passed(use=use)


# ---------------------------------------------------------------- refusals
def _not_approved(mark: Fingerprint, lists: Lists, today: date) -> str:
    """Return the refusal of an unknown message; it differs if an approval has its subject, after a small change."""
    address, entry = next(iter(lists.items()))
    like = selectors.judged().filter(message__subject=mark.subject, grant__state="active")
    for permission in like.prefetch_related("audiences").order_by("-pk")[:20]:
        if mark.subject and _covers(permission, entry) and permission.grant.ends_on >= today:
            reference = permission.grant.reference
            compare = f"{settings.PUBLIC_URL}{reverse('campaign_verify', args=[reference])}"
            return _refusal(
                f"This is not the message that {reference} approves. Even one changed character counts. "
                "Differences:",
                compare,
            )
    return _refusal(
        f"{address} accepts only approved campaign messages, exactly as approved. New request:",
        _new_request(),
    )


def _labels(populations: Iterable[str]) -> str:
    # Without commas, because replies leave out characters with a meaning in mail maps.
    return " and ".join(population_labels(frozenset({key})).lower() for key in sorted(populations))


def _refusal(sentence: str, link: str) -> str:
    """Return one line for the reply; a long sentence is cut and the link is not."""
    return f"{replies.safe(sentence)[: replies.LONGEST_TEXT - len(link) - 1]} {link}"


def _page(permission: CampaignPermission) -> str:
    return public_page(permission.grant.reference)


def _new_request() -> str:
    return f"{settings.PUBLIC_URL}{reverse('guide')}"


GATE = CampaignGate()
