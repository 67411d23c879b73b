"""What follows a repository's address when it is about reviews."""

from django.urls import path, re_path

import repos.urls  # noqa: F401 - makes the converter "rest" known
from reviews.views import actions, changesets, policies, pull_requests

urlpatterns = [
    path("pull-request", pull_requests.of_repository),
    path("pull-request/new", pull_requests.new),
    path("pull-request/<int:number>", pull_requests.show),
    path("pull-request/<int:number>/do/<slug:action>", actions.act),
    path("pull-request/<int:number>/<rest:label>", pull_requests.show),
    path("settings/reviews", policies.policy),
    re_path(r"^changeset-review/(?P<raw_id>[0-9a-f]{40})/do/(?P<action>[a-z-]+)$", actions.act_on_changeset),
    path("changeset/<rest:revision>", changesets.changeset),
]
