from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReposConfig(AppConfig):
    name = "repos"
    verbose_name = _("Repositories")

    def ready(self) -> None:
        from django.conf import settings

        from repos.services import forks, pull, repositories, rescan  # noqa: F401 - tasks know their work from here
        from repos.vcs import remote

        remote.configure(allowed_networks=settings.CLONE_ALLOWED_NETWORKS)
