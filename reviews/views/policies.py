"""The section about reviews in a repository's settings."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.pages import page
from accounts.permissions import Level
from repos.views.base import RepositoryRequest, address, needs
from reviews.models import ReviewPolicy
from reviews.services import policies


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ReviewPolicy
        fields = ("needs_approval", "fast_forward")


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: RepositoryRequest) -> HttpResponseBase:
    """What is asked of a pull request before it is merged here."""
    form = PolicyForm(request.POST or None, instance=policies.of(request.repository))
    if form.is_valid():
        policies.decide(actor=request.actor, repository=request.repository, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(address(request.repository, "settings", "reviews"))
    return page(request, "reviews/settings.html", {"tab": "settings", "section": "reviews", "form": form})
