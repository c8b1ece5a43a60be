"""The signed-in person of a request."""

from typing import cast

from django.http import HttpRequest

from portal.accounts.models import User


def person(request: HttpRequest) -> User:
    """The signed-in person; the view is behind `login_required`.

    Unwrapped from the request's lazy object, which would slow down each attribute access in lists.
    """
    user = request.user
    assert user.is_authenticated  # This loads the wrapped object.
    return cast(User, getattr(user, "_wrapped", user))
