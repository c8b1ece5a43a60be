"""The drawings of the failed checks of a permission, for its page."""

from portal.grants.models import Grant, Standing
from portal.workflow.models import StoredFinding
from portal.workflow.selectors import newest_findings


def broken_records(grant: Grant) -> list[StoredFinding]:
    """The failed findings of the newest check that can be drawn; none, without a query, if nothing is broken."""
    compliance = getattr(grant, "compliance", None)
    if compliance is None or compliance.standing != Standing.BROKEN:
        return []
    found = newest_findings(grant.latest_request)
    return [one for one in found if one.must and one.outcome == "fail" and "drawing" in one.evidence]
