from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class ReviewsConfig(AppConfig):
    name = "reviews"
    verbose_name = _("Reviews")

    def ready(self) -> None:
        from repos.services import pushes
        from reviews import report_views
        from reviews.services import sources

        pre_migrate.connect(report_views.before_migrate, sender=self)
        post_migrate.connect(report_views.after_migrate, sender=self)
        pushes.listeners.append(sources.after_push)
