"""A real OpenID Connect provider for the sign-on test: allauth's own, in a process of its own.

`python -m tests.support.identity_provider PORT REDIRECT_URI FOLDER` serves on 127.0.0.1 until it is killed.
"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

CLIENT_ID, CLIENT_SECRET = "portal", "a-client-secret-of-the-test"
SAML_ENTITY_ID = "https://id.example.edu/saml"
EMAIL, PASSWORD = "riley@ttu.edu", "known-to-the-provider-alone"

OTHERS = {
    "jo": ("jo@ttu.edu", True),
    "mallory": ("admin@ttu.edu", False),
    "guest": ("guest@gmail.example", True),
    "vera": ("vp.tech@ttu.edu", True),
    "sam": ("SAM@TTU.edu", True),
    "closed": ("closed@ttu.edu", True),
    "kelvin": ("boss@\u212ab.ttu.edu", True),
    "nobody": ("", False),
}
"""What the provider says of further people: their address, and whether it verified it; each signs in by name."""


class Server(ThreadingMixIn, WSGIServer):
    """Answers the browser and the portal at the same time."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Writes no access log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def private_key() -> str:
    """A fresh RSA key as PEM, for the identity tokens."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - Django is set up first
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - Django is set up first

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def configure(folder: str) -> None:
    """The provider's settings: accounts, allauth, and its OpenID Connect provider."""
    settings.configure(
        SECRET_KEY="x" * 60,
        DEBUG=True,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.support.identity_provider_urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/provider.sqlite3"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "allauth",
            "allauth.account",
            "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_LOGIN_METHODS={"email", "username"},
        ACCOUNT_SIGNUP_FIELDS=["email*", "username*", "password1*"],
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_PRIVATE_KEY=private_key(),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def fill(redirect_uri: str) -> None:
    """One person, and the portal as a client that needs no consent."""
    from allauth.account.models import EmailAddress  # noqa: PLC0415 - Django is set up first
    from allauth.idp.oidc.models import Client  # noqa: PLC0415 - Django is set up first
    from django.contrib.auth.hashers import make_password  # noqa: PLC0415 - Django is set up first
    from django.contrib.auth.models import User  # noqa: PLC0415 - Django is set up first
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up first

    call_command("migrate", verbosity=0)
    person = User.objects.create_user("riley", EMAIL, PASSWORD, first_name="Riley", last_name="Ortega")
    EmailAddress.objects.create(user=person, email=EMAIL, verified=True, primary=True)
    for name, (address, is_verified) in OTHERS.items():
        other = User.objects.create_user(name, f"{name}@id.example.edu", PASSWORD, first_name=name.title())
        EmailAddress.objects.create(user=other, email=other.email, verified=False, primary=not address)
        if address:
            EmailAddress.objects.create(user=other, email=address, verified=is_verified, primary=True)
    Client.objects.create(
        id=CLIENT_ID,
        name="TechMail Portal",
        secret=make_password(CLIENT_SECRET),
        owner=person,
        skip_consent=True,
        scopes="openid\nprofile\nemail",
        redirect_uris=redirect_uri,
    )


if __name__ == "__main__":
    configure(sys.argv[3])
    fill(sys.argv[2])
    from django.core.wsgi import get_wsgi_application

    make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), Server, Quiet).serve_forever()
