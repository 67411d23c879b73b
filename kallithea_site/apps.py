from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class SiteConfig(AppConfig):
    name = "kallithea_site"
    verbose_name = "Site"
    default = True

    def ready(self) -> None:
        from kallithea_site import celery, checks  # noqa: F401 - both register themselves


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site (sign-in, addresses, journal) instead of its own."""

    default = False
    default_site = "kallithea_site.admin_site.AdminSite"
