"""Django settings, read from the environment alone (README, Configuration, has the table).

DEBUG is off unless it is set, and nothing starts without a secret: `make setup` writes development values
into a git-ignored `.env`.
"""

from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from portal import env, institution

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY")
DEMO_ACCOUNTS = DEBUG and env.flag("DEMO_ACCOUNTS", default=True)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else "")
PUBLIC_URL = env.text("PUBLIC_URL", "http://localhost:8000" if DEBUG else None).rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []
VAR_DIR = env.folder("VAR_DIR", BASE_DIR / "var")

INSTITUTION_FILE = env.text("INSTITUTION_FILE", "")
INSTITUTION = institution.load(Path(INSTITUTION_FILE) if INSTITUTION_FILE else None)

INSTALLED_APPS = [
    "portal.accounts",
    "portal.standards",
    "portal.mailauth",
    "portal.outbox",
    "portal.workflow",
    "portal.grants",
    "portal.samples",
    "portal.incidents",
    "portal.ownership",
    "portal.enforcement",
    "portal.policy_service",
    "portal.renewals",
    "portal.sending_calendar",
    "portal.api",
    "portal.webhooks",
    "relay",
    "whitelist",
    "senders",
    "campaigns",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "bootstrap",
    "django_htmx",
    "heroicons",
    "simple_history",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.api.middleware.ApiAnswersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "portal.middleware.NulMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "portal.middleware.ProblemMiddleware",
    "portal.accounts.second_factor.SecondFactorMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.frame",
            ],
            "builtins": [
                "django.templatetags.static",
                "portal.workflow.templatetags.portal_ui",
                "portal.workflow.templatetags.portal_words",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# ---------------------------------------------------------------- database, cache, broker
DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'portal.sqlite3'}")
_database: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Immediate transactions take the write lock at once, so that two writers wait for one another instead
    # of failing in the middle; WAL lets readers go on meanwhile.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    # A connection per request costs 4 ms and three quarters of the throughput; keep them, and test them.
    _database |= {"CONN_MAX_AGE": env.number("DATABASE_CONN_MAX_AGE", 600), "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "portal_cache",
            # At 300, Django's own, whoever fills the cache would push the counts of the throttles out of it.
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    )
}
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_FOLDER = VAR_DIR / "celery"

# ---------------------------------------------------------------- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "portal.accounts.adapter.PortalAccountAdapter"
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapter.PortalSocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_FORMS = {
    "login": "portal.accounts.sign_in.SignInForm",
    "reset_password": "portal.accounts.sign_in.ResetPasswordForm",
}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# A "key" of `login_failed` is an account at one address, and "ip" the address alone (portal.accounts.adapter).
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "30/m/ip,5/5m/key",
    "reset_password": "20/m/ip",
}
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FOR_DECIDERS = env.flag("MFA_FOR_DECIDERS", default=not DEBUG)

# ---------------------------------------------------------------- mail out
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", f"{INSTITUTION.product} <no-reply@{INSTITUTION.mail_domain}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_HOST = env.text("SMTP_HOST", "localhost")
EMAIL_PORT = env.number("SMTP_PORT", 25)
EMAIL_HOST_USER = env.text("SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.text("SMTP_PASSWORD", "")
EMAIL_USE_TLS = env.flag("SMTP_STARTTLS", default=False)
EMAIL_TIMEOUT = env.number("SMTP_TIMEOUT_SECONDS", 20, at_least=1)
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
if DEBUG and not env.text("SMTP_HOST", ""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

# ---------------------------------------------------------------- the mail system, DNS
DNS_RESOLVER = env.text("DNS_RESOLVER", "")
env.host_port("DNS_RESOLVER")
DNS_DEADLINE_SECONDS = 3.0
DIRECTORY = env.text("DIRECTORY", "portal.accounts.directory.TableDirectory")
PROBE_MAILBOX = env.text("PROBE_MAILBOX", f"probe@{INSTITUTION.mail_domain}")
PUBLISH_DIR = env.text("PUBLISH_DIR", "")
POSTFIX_MAP_DIR = env.text("POSTFIX_MAP_DIR", "/etc/postfix/portal")
RELAY_MILTER = env.milter("RELAY_MILTER")
EXPORT_SIGNING_KEY = env.key("EXPORT_SIGNING_KEY", length=32)

# ---------------------------------------------------------------- webhooks
WEBHOOK_NETWORKS = env.networks("WEBHOOK_NETWORKS", "127.0.0.0/8,::1/128" if DEBUG else "")
WEBHOOK_PLAIN_HTTP = DEBUG
WEBHOOK_CA_FILE = env.text("WEBHOOK_CA_FILE", "")

# ---------------------------------------------------------------- files
MEDIA_ROOT = env.folder("MEDIA_DIR", VAR_DIR / "media")
ATTACHMENT_MAX_BYTES = 10 * 1024 * 1024
ATTACHMENT_MAX_COUNT = 10
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
STATIC_URL = "/static/"
STATIC_ROOT = env.folder("STATIC_DIR", BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# ---------------------------------------------------------------- language and time
LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = INSTITUTION.time_zone

# ---------------------------------------------------------------- security
_secure = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _secure
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _secure
_behind_proxy = env.flag("BEHIND_PROXY", default=False)
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", int(_behind_proxy), at_least=int(_behind_proxy))
if _behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_AGE = env.number("SESSION_HOURS", 12, at_least=1) * 3600
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# ---------------------------------------------------------------- sign-in providers, by environment alone
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
SOCIALACCOUNT_ONLY = env.flag("SSO_ONLY", default=False)
# `portal.accounts.adapter` alone joins a sign-on to an account, by an address that the provider verified.
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SSO_DOMAINS = [domain.lower() for domain in env.words("SSO_DOMAINS", INSTITUTION.mail_domain)]
if env.text("OIDC_SERVER_URL", ""):
    INSTALLED_APPS.append("allauth.socialaccount.providers.openid_connect")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "oidc",
                "name": env.text("OIDC_NAME", INSTITUTION.short_name),
                "client_id": env.text("OIDC_CLIENT_ID"),
                "secret": env.text("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": env.text("OIDC_SERVER_URL"), "oauth_pkce_enabled": True},
            }
        ]
    }
if env.text("SAML_METADATA_URL", ""):
    INSTALLED_APPS.append("allauth.socialaccount.providers.saml")
    SOCIALACCOUNT_PROVIDERS["saml"] = {
        "APPS": [
            {
                "provider_id": "saml",
                "name": env.text("SAML_NAME", INSTITUTION.short_name),
                "client_id": "saml",
                "settings": {
                    "idp": {
                        "entity_id": env.text("SAML_ENTITY_ID"),
                        "metadata_url": env.text("SAML_METADATA_URL"),
                    },
                    "attribute_mapping": {
                        "uid": env.text("SAML_UID_ATTRIBUTE", "urn:oasis:names:tc:SAML:attribute:subject-id"),
                        "email": env.text("SAML_EMAIL_ATTRIBUTE", "urn:oid:0.9.2342.19200300.100.1.3"),
                        "email_verified": env.text("SAML_EMAIL_VERIFIED_ATTRIBUTE", "email_verified"),
                    },
                    **(
                        {"verified_email": SSO_DOMAINS}
                        if env.flag("SAML_EMAIL_IS_VERIFIED", default=False)
                        else {}
                    ),
                },
            }
        ]
    }

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.OneLineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
}
