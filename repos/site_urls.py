"""Addresses of this app that do not begin with a repository's name."""

from django.urls import path, re_path

from repos.views import dispatch, gists, groups, listing, manage, people

urlpatterns = [
    path("", listing.home, name="home"),
    path("_admin/my_account/api_keys", people.api_keys, name="my_account_api_keys"),
    path("_admin/my_account/following", people.following, name="my_account_following"),
    path("_admin/create_repository", manage.create, name="create_repository"),
    path("_admin/gists", gists.gist_list, name="gists"),
    path("_admin/gists/new", gists.new, name="gist_new"),
    path("_admin/gists/<str:access_id>", gists.show, name="gist"),
    path("_admin/gists/<str:access_id>/delete", gists.delete, name="gist_delete"),
    path("_admin/gists/<str:access_id>/raw/<path:name>", gists.raw, name="gist_raw"),
    path("_admin/repo_groups/<int:number>/permissions", groups.permissions, name="group_permissions"),
    path("_admin/journal", people.journal, name="journal"),
    re_path(r"^_admin/journal/(?P<kind>rss|atom)$", people.journal_feed, name="journal_feed"),
    path("_admin/public_journal", people.public_journal, name="public_journal"),
    re_path(r"^_admin/public_journal/(?P<kind>rss|atom)$", people.public_journal_feed, name="public_journal_feed"),
    re_path(r"^_(?P<number>[0-9]{1,18})(?:/|$)", dispatch.by_number),
    re_path(r"^(?!_)", dispatch.by_name),
]
