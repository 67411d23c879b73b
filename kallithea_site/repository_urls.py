"""Every address below a repository, whichever app answers it."""

from django.urls import include, path

urlpatterns = [
    path("", include("reviews.urls")),  # first: its page of a changeset has comments
    path("", include("repos.urls")),
]
