"""Whether what a relay grant was approved on still holds: its senders, and the name of its host."""

from ipaddress import ip_address

from portal.accounts.directory import DirectoryUnavailable, directory
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.workflow.findings import Finding
from relay.models import RelayPermission
from relay.names import look_up


def standing_findings(permission: RelayPermission) -> list[Finding]:
    """The senders against the directory (REL-3), the host name against the DNS (advice only)."""
    return [_senders(permission), _host(permission)]


def _senders(permission: RelayPermission) -> Finding:
    addresses = [row.address for row in permission.senders.all()]
    try:
        known = directory().lookup(addresses)
    except DirectoryUnavailable:
        return Finding("REL-3", "directory", Outcome.UNKNOWN, "The directory did not answer.")
    gone = [address for address in addresses if address not in known]
    if gone:
        return Finding(
            "REL-3",
            "directory",
            Outcome.FAIL,
            "REL-3: the directory no longer knows "
            f"{sentence_list(gone)}. Request a change of the permission.",
        )
    return Finding("REL-3", "directory", Outcome.PASS, "The directory knows every sender.")


def _host(permission: RelayPermission) -> Finding:
    def found(outcome: Outcome, sentence: str) -> Finding:
        seen = {"addresses": forward} if forward is not None else {}
        return Finding("REL-2", "forward-dns", outcome, sentence, must=False, evidence=seen)

    forward = look_up(permission.hostname, ()).forward
    if forward is None:
        return found(Outcome.UNKNOWN, f"The DNS did not say where {permission.hostname} leads.")
    networks = [row.network for row in permission.addresses.all()]
    if any(ip_address(address) in network for address in forward for network in networks):
        return found(Outcome.PASS, f"{permission.hostname} leads to the system.")
    leads = f"now leads to {sentence_list(forward)}" if forward else "no longer leads to any address"
    return found(Outcome.WARN, f"{permission.hostname} {leads}. Request a change if the system moved.")
