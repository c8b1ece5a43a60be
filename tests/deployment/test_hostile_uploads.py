"""Two hostile uploads at a time leave the site answering: gunicorn with two workers, as in production."""

import threading
from pathlib import Path

import pytest

from benchmarks.hostile_messages import HOSTILE
from tests.campaigns.cast import campaign_draft
from tests.cast import Cast
from tests.support.web import Visitor, WebServer
from tests.whitelist.cast import whitelist_draft

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 1_350_000
"""The size at which two uploads stopped the site for half a minute."""
PATIENCE_SECONDS = 8.0
"""Far below gunicorn's 30 seconds, and far above what a busy machine takes for a page."""


@pytest.mark.parametrize(
    "name",
    ["comments in a style sheet", "a large style attribute", "parameters of Content-Type", "nested elements"],
)
def test_two_hostile_messages_leave_the_site_answering(cast: Cast, tmp_path: Path, name: str) -> None:
    draft = campaign_draft(cast)
    page, raw = f"/requests/{draft.reference}/edit/message/", HOSTILE[name](SIZE)
    answers: list[tuple[int, str, float]] = []
    with WebServer(tmp_path) as server:
        member, reviewer = Visitor(server.port, cast.requester), Visitor(server.port, cast.reviewer)
        assert reviewer.get("/queue/")[0] == 200

        def upload() -> None:
            answers.append(member.upload(page, "eml", raw, {"how": "eml", "revision": draft.revision}))

        threads = [threading.Thread(target=upload) for _ in range(2)]
        for thread in threads:
            thread.start()
        status, _, seconds = reviewer.get("/queue/")
        for thread in threads:
            thread.join()
    assert (status, seconds < PATIENCE_SECONDS) == (200, True)
    for status, text, seconds in answers:
        assert (status, seconds < PATIENCE_SECONDS) == (422, True)
        assert "Make it" in text or "Use fewer" in text or "has too many parameters" in text


def test_two_hostile_samples_leave_the_site_answering(cast: Cast, tmp_path: Path) -> None:
    draft = whitelist_draft(cast)
    raw = HOSTILE["signatures"](SIZE) + b"a b" * 2_500_000
    answers: list[tuple[int, str, float]] = []
    with WebServer(tmp_path, DNS_RESOLVER="127.0.0.1:9") as server:
        member, reviewer = Visitor(server.port, cast.requester), Visitor(server.port, cast.reviewer)
        page = f"/requests/{draft.reference}/samples/"

        def upload(number: int) -> None:
            answers.append(member.upload(page, "upload", raw + b"%d" % number, {}))

        threads = [threading.Thread(target=upload, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        status, _, seconds = reviewer.get("/queue/")
        for thread in threads:
            thread.join()
    assert (status, seconds < PATIENCE_SECONDS) == (200, True)
    assert [status for status, _, _ in answers] == [302, 302]
