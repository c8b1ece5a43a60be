"""Settings of the suite: development's, sealed. The database and the broker come from the environment."""

import os
import tempfile

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
os.environ["SECRET_KEY"] = "x" * 60
os.environ["DEBUG"] = "true"
os.environ["PUBLIC_URL"] = "http://localhost:8000"
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="techmail-tests-")
# An empty folder: nothing is collected for the tests, and WhiteNoise warns where there is none.
os.environ["STATIC_DIR"] = tempfile.mkdtemp(prefix="static-", dir=os.environ["VAR_DIR"])
for _name in (
    "SMTP_HOST",
    "PUBLISH_DIR",
    "INSTITUTION_FILE",
    "OIDC_SERVER_URL",
    "SAML_METADATA_URL",
    "EXPORT_SIGNING_KEY",
):
    os.environ[_name] = ""
os.environ["DNS_RESOLVER"] = "127.0.0.1:9"

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, INSTALLED_APPS  # noqa: E402

# For its command `flush`, which pytest-django's transactional tests run.
INSTALLED_APPS = [*INSTALLED_APPS, "tests"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DNS_DEADLINE_SECONDS = 0.2
CELERY_TASK_ALWAYS_EAGER = False
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
DATABASES["default"]["CONN_MAX_AGE"] = 0
