"""Every address of the site. Names below ``/_`` are the site's own; all others are repositories and their groups."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from api import views as api_views
from kallithea_site import reports
from kallithea_site.health import health
from kallithea_site.views import LISTS, admin_list

urlpatterns = [
    path("_admin/api/docs", api_views.docs, name="api-docs"),
    path("_admin/api/docs/<str:name>", api_views.docs, name="api-docs-method"),
    path("_admin/reports/", reports.index, name="reports"),
    path("_admin/reports/<slug:name>.<slug:format>", reports.show, name="report-as"),
    path("_admin/reports/<slug:name>", reports.show, name="report"),
    path("_admin/health", health, name="health"),
    # Error pages are without a token; all that somebody else's page can do here is to change the language.
    path("_admin/language", csrf_exempt(set_language), name="set_language"),
    re_path(rf"^_admin/(?P<name>{'|'.join(LISTS)})$", admin_list),
    path("_admin/", include("accounts.urls")),
    path("", include("reviews.site_urls")),
    path("", include("repos.site_urls")),
    path("_admin/", admin.site.urls),
]
