"""Errors of a person's action, each with the HTTP status of pages and API.

Services raise them; `portal.middleware.ProblemMiddleware` turns them into a page. They are for problems that
are not about a form field: a wrong state, a missing right, a stale page.
"""


class Problem(Exception):
    """An action could not be carried out; `str(problem)` is a sentence for the person."""

    status = 400


class NotAllowed(Problem):
    """The person may see the thing but may not do this to it (403)."""

    status = 403


class WrongState(Problem):
    """The action does not start from the state that the thing is in (409)."""

    status = 409


class Stale(Problem):
    """Somebody else changed the thing since the person read it (409)."""

    status = 409
