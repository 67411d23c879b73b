"""What one wants to hear of reviews."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.middleware import ActorRequest
from accounts.pages import page, signed_in
from reviews.models import MailPreference
from reviews.services import notices as service


class NoticeForm(forms.Form):
    choice = forms.TypedChoiceField(
        label=gettext_lazy("E-mail me"),
        choices=MailPreference.Choice.choices,
        coerce=MailPreference.Choice,
        widget=forms.RadioSelect,
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: ActorRequest) -> HttpResponseBase:
    """Which notices come by e-mail."""
    user = request.actor.user
    present = MailPreference.objects.filter(user=user).first() or MailPreference(user=user)
    form = NoticeForm(request.POST or None, initial={"choice": present.choice})
    if form.is_valid():
        service.prefer(actor=request.actor, choice=form.cleaned_data["choice"])
        messages.success(request, _("Saved."))
        return redirect("my_account_notices")
    return page(request, "reviews/notices.html", {"form": form, "tab": "notices"})
