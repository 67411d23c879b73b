"""Addresses of reviews that do not begin with a repository's name."""

from django.urls import path

from reviews.views import actions, people, pull_requests

urlpatterns = [
    path("_admin/my_pullrequests", pull_requests.mine, name="my_pull_requests"),
    path("_admin/my_account/notices", people.notices, name="my_account_notices"),
    path("_admin/markdown", actions.preview, name="markdown_preview"),
]
