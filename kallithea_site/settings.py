"""The one settings module. Everything that differs between sites comes from the environment (docs/deployment.md)."""

import ipaddress
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {value!r}")
    return default if value == "" else value in {"1", "true", "yes", "on"}


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def env_networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(item, strict=False) for item in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def site_secret(home: Path) -> str:
    """The secret of this site, made on first use. Sessions, key digests and stored keys depend on it: back it up."""
    if secret := os.environ.get("KALLITHEA_SECRET"):
        return secret
    path = home / "secret"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(f"KALLITHEA_HOME {home} cannot be read: {error.strerror}") from None
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two workers may start at once: the first to link its file wins and both read the same secret.
        draft = home / f"secret.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(64))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    except OSError as error:
        raise ImproperlyConfigured(f"KALLITHEA_HOME {home} cannot be written: {error.strerror}") from None
    return path.read_text().strip()


def database(url: str) -> Any:
    try:
        # A new connection per request costs eight times the request.
        return dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL must look like postgres://user:password@host:5432/name") from None


# -- where things are ----------------------------------------------------------------------------------------------

KALLITHEA_HOME = Path(os.environ.get("KALLITHEA_HOME") or BASE_DIR / "var").resolve()
REPOSITORIES_ROOT = Path(os.environ.get("REPOSITORIES_ROOT") or KALLITHEA_HOME / "repositories").resolve()
CACHE_ROOT = KALLITHEA_HOME / "cache"

SECRET_KEY = site_secret(KALLITHEA_HOME)
DEBUG = env_bool("DEBUG", False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "*")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
FORCE_SCRIPT_NAME = ("/" + os.environ.get("SCRIPT_NAME", "").strip("/")).rstrip("/") or None
TRUSTED_PROXIES = env_networks("TRUSTED_PROXIES")

# -- serving -------------------------------------------------------------------------------------------------------

HOST = os.environ.get("HOST") or "127.0.0.1"
PORT = env_int("PORT", 8000)
#: The address of the site in mails, without a path.
SITE_URL = (os.environ.get("SITE_URL") or f"http://{HOST}:{PORT}").rstrip("/")
WEB_WORKERS = env_int("WEB_WORKERS", 2)  # processes
WEB_THREADS = env_int("WEB_THREADS", 8)  # requests at once in each
WEB_MAX_REQUESTS = env_int("WEB_MAX_REQUESTS", 0)  # a process is replaced after about as many; 0: never
ACCESS_LOG = env_bool("ACCESS_LOG", True)
DEMO = env_bool("DEMO", True)

# -- what is installed ---------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "modeltranslation",
    "unfold.apps.BasicAppConfig",  # the other one would put its own site in place of ours
    "unfold.contrib.filters",
    "kallithea_site.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "modernrpc",
    "accounts",
    "repos",
    "reviews",
    "api",
    "kallithea_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "kallithea_site.middleware.SecurityHeaders",
    "api.server.ApiMiddleware",  # programs: no session, no cookie
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "repos.views.transport.TransportMiddleware",  # git and hg: likewise
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "kallithea_site.urls"
REPOSITORY_URLCONF = "kallithea_site.repository_urls"  # what follows a repository's name
WSGI_APPLICATION = "kallithea_site.wsgi.application"
APPEND_SLASH = False  # /_admin/api/ and a repository's URLs mean what they say

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "kallithea_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kallithea_site.context.settings",
            ],
        },
    },
]

# -- data ----------------------------------------------------------------------------------------------------------

DATABASES = {
    "default": database(os.environ.get("DATABASE_URL") or f"sqlite:///{KALLITHEA_HOME / 'kallithea.db'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits for its turn instead of failing in the middle
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    # Files and not memory: every worker process must see the same failed attempts.
    else {
        "BACKEND": "accounts.file_cache.CountingFileCache",
        "LOCATION": CACHE_ROOT / "django",
        "OPTIONS": {"MAX_ENTRIES": 10_000},  # beyond it entries go by chance, also the failed attempts
    }
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
#: Sites that share a broker must not take each other's jobs.
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("CELERY_QUEUE") or "kallithea"
CELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_ACKS_LATE = True  # a job of a dying worker is given to the next one; tasks are safe to run twice
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1

# -- people --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # user names are unique, without case, by a constraint that the check cannot see
    "security.W008",  # the server speaks HTTP with its proxy only, whose business redirects are
    "security.W005",  # what else there is in the domain is not ours to decide about
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["accounts.authentication.PasswordBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",  # what Kallithea stored; upgraded at the next sign-in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/_admin/login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env_bool("HTTPS_ONLY", False)
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if SESSION_COOKIE_SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"

#: API answers show keys to administrators and their owner (the published API); 0 never shows one.
API_SHOWS_KEYS = env_bool("API_SHOWS_KEYS", True)
#: Pages and downloads accept ?api_key= besides the Authorization header.
API_KEY_IN_URL = env_bool("API_KEY_IN_URL", True)
#: Wrong keys or passwords per address (and account) before further ones are refused, and for how many seconds.
FAILURE_LIMIT = env_int("FAILURE_LIMIT", 200)
FAILURE_WINDOW = env_int("FAILURE_WINDOW", 300)
#: Seconds between two writes of the counters of calls and sign-ins; 0: never by themselves.
METRICS_INTERVAL = env_int("METRICS_INTERVAL", 5)

# -- repositories --------------------------------------------------------------------------------------------------

#: Private networks that the server may clone from; every other private address is refused.
CLONE_ALLOWED_NETWORKS = env_networks("CLONE_ALLOWED_NETWORKS")
#: Largest raw diff, bytes; the connection of a larger one is broken off.
MAX_DIFF_BYTES = env_int("MAX_DIFF_BYTES", 512 * 1024 * 1024)
#: Archives are made once and kept below the cache folder, all together at most this many bytes.
ARCHIVE_CACHE_BYTES = env_int("ARCHIVE_CACHE_BYTES", 1024 * 1024 * 1024)
#: New archives that one address may ask for in a minute.
ARCHIVES_PER_MINUTE = env_int("ARCHIVES_PER_MINUTE", 60)
#: Largest body of an API call, bytes.
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("MAX_REQUEST_BYTES", 32 * 1024 * 1024)

# -- language and time ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = os.environ.get("LANGUAGE_CODE", "en")
LANGUAGES = [("en", _("English")), ("de", _("German"))]
MODELTRANSLATION_LANGUAGES = ("en", "de")
MODELTRANSLATION_DEFAULT_LANGUAGE = "en"
MODELTRANSLATION_FALLBACK_LANGUAGES = {"default": ("en", "de")}
FORMAT_MODULE_PATH = "kallithea_site.formats"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds; a choice wins over what the browser asks for
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LOCALE_PATHS = [BASE_DIR / "kallithea_site" / "locale"]
USE_TZ = True
TIME_ZONE = os.environ.get("TZ") or "UTC"  # API dates are in this zone, without saying so

# -- files, mail, logging ------------------------------------------------------------------------------------------

STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}/_static/"
STATIC_ROOT = KALLITHEA_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "kallithea@localhost")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10  # seconds; without a worker somebody waits
EMAIL_FILE_PATH = KALLITHEA_HOME / "mail"
# Without a mail server nothing is lost: every message is written to a folder.
EMAIL_BACKEND = "django.core.mail.backends." + ("smtp" if EMAIL_HOST else "filebased") + ".EmailBackend"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        **({} if CELERY_BROKER_URL else {"celery.app.trace": {"level": "WARNING"}}),  # that a request did its work
    },
}

# -- libraries -----------------------------------------------------------------------------------------------------

MODERNRPC_HANDLERS = ["api.protocol.JsonRpc2Handler", "api.protocol.KallitheaHandler"]


def panel_links(title: Any, *links: tuple[Any, str]) -> dict[str, Any]:
    """A part of the panel's sidebar."""
    return {"title": title, "items": [{"title": text, "link": reverse_lazy(name)} for text, name in links]}


# The pages' accent, from pale to dark.
GREENS = {
    "50": "oklch(97.7% .012 160)",
    "100": "oklch(94.6% .025 160)",
    "200": "oklch(90% .05 160)",
    "300": "oklch(82.7% .08 160)",
    "400": "oklch(74% .1 160)",
    "500": "oklch(62% .1 160)",
    "600": "oklch(44.5% .083 160)",
    "700": "oklch(39% .072 160)",
    "800": "oklch(34% .06 160)",
    "900": "oklch(29% .05 160)",
    "950": "oklch(22% .04 160)",
}
UNFOLD = {
    "SIDEBAR": {
        "navigation": [
            panel_links(
                _("People"),
                (_("Users"), "admin:accounts_user_changelist"),
                (_("User groups"), "admin:accounts_usergroup_changelist"),
                (_("API keys"), "admin:accounts_apikey_changelist"),
                (_("Allowed addresses"), "admin:accounts_iprange_changelist"),
                (_("E-mail addresses"), "admin:accounts_emailaddress_changelist"),
            ),
            panel_links(
                _("Repositories"),
                (_("Repository groups"), "admin:repos_repositorygroup_changelist"),
                (_("Repositories"), "admin:repos_repository_changelist"),
                (_("Jobs"), "admin:repos_job_changelist"),
            ),
            panel_links(
                _("Permissions"),
                (_("Default permissions"), "admin:repos_defaults"),
                (_("Global permissions"), "admin:accounts_globalgrant_changelist"),
                (_("Grants on user groups"), "admin:accounts_usergroupgrant_changelist"),
            ),
            panel_links(
                _("Reviews"),
                (_("Pull requests"), "admin:reviews_pullrequest_changelist"),
                (_("Comments"), "admin:reviews_comment_changelist"),
                (_("Votes"), "admin:reviews_changesetstatus_changelist"),
                (_("Policies"), "admin:reviews_reviewpolicy_changelist"),
                (_("Mail preferences"), "admin:reviews_mailpreference_changelist"),
            ),
            panel_links(
                _("Site"),
                (_("Settings"), "admin:accounts_sitesettings_changelist"),
                (_("Reports"), "reports"),
                (_("Journal"), "admin:accounts_journalentry_changelist"),
            ),
        ],
    },
    "COLORS": {"primary": GREENS},
    "SITE_TITLE": "kallithea_site.context.title",
    "SITE_HEADER": "kallithea_site.context.title",
    "SITE_ICON": lambda _request: static("kallithea/icon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("kallithea/icon.svg")}],
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "STYLES": [lambda _request: static("kallithea/panel.css")],
    "LOGIN": {"redirect_after": reverse_lazy("admin:index")},
}
