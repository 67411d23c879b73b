"""User groups for those who administer one; the admin panel is for administrators only."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import MemberForm, explain, posted_number
from accounts.middleware import ActorRequest
from accounts.models import UserGroup
from accounts.pages import page, signed_in
from accounts.permissions import Level
from accounts.services import user_groups


@signed_in
@require_safe
def mine(request: ActorRequest) -> HttpResponseBase:
    """The groups one is in, and those one administers."""
    administered = UserGroup.objects.all().visible_to(request.actor, Level.ADMIN).select_related("owner")
    context = {"tab": "user_groups", "administered": administered, "member_of": request.actor.user.groups_in.all()}
    return page(request, "accounts/user_groups.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: ActorRequest, number: int) -> HttpResponseBase:
    """Who is in a group, to add and remove."""
    group = get_object_or_404(UserGroup.objects.all().visible_to(request.actor, Level.ADMIN), pk=number)
    form = MemberForm(request.POST if "username" in request.POST else None)
    try:
        if form.is_valid():
            user_groups.add_member(actor=request.actor, group=group, user=form.cleaned_data["username"])
            return redirect("user_group", number)
        if (member := posted_number(request, "remove")) is not None:
            user = get_object_or_404(group.members, pk=member)
            user_groups.remove_member(actor=request.actor, group=group, user=user)
            messages.success(request, _("Saved."))
            return redirect("user_group", number)
    except ValidationError as error:
        explain(form, error)
    context = {"tab": "user_groups", "group": group, "form": form, "members": group.members.order_by("username")}
    return page(request, "accounts/user_group.html", context)
