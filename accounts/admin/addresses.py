"""Which addresses may come in, and a page that tries one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts import explanations
from accounts.actors import Actor
from accounts.models import IpRange, User
from accounts.panel import ServiceAdmin, ServiceForm, known_by, list_button, panel_page
from accounts.services import addresses


class SimulatorForm(forms.Form):
    user = forms.CharField(
        label=_("User name"), help_text=_("default is the visitor without an account."), max_length=255
    )
    address = forms.CharField(label=_("Address"), max_length=64)

    def clean_user(self) -> User:
        found = User.objects.filter(username__iexact=self.cleaned_data["user"]).first()
        if found is None:
            raise ValidationError(_("There is no such user."))
        return found

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if "user" in values and "address" in values:
            try:
                values["verdict"] = explanations.judge_address(values["user"], values["address"])
            except ValueError as error:
                self.add_error("address", str(error))
        return values


class IpRangeForm(ServiceForm):
    class Meta:
        model = IpRange
        fields = ("user", "cidr")

    def write(self, actor: Actor, values: dict[str, Any]) -> IpRange:
        return addresses.add(actor=actor, **values)

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error("cidr" if field is None else field, error)


@admin.register(IpRange)
class IpRangeAdmin(ServiceAdmin):
    form = IpRangeForm
    list_display = ("user", "cidr")
    list_select_related = ("user",)
    search_fields = (*known_by("user"), "cidr")
    autocomplete_fields = ("user",)
    actions_list = ("simulator",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.simulator_view)
        return [path("simulator/", view, name="accounts_simulator"), *super().get_urls()]

    @list_button(_("Try an address"), "try", "help")
    def simulator(self, request: HttpRequest) -> HttpResponseBase:
        return HttpResponseRedirect(reverse("admin:accounts_simulator"))

    def simulator_view(self, request: HttpRequest) -> HttpResponseBase:
        """Would this address pass for this user, and which row decides?"""
        form = SimulatorForm(request.GET if "address" in request.GET else None, label_suffix="")
        verdict = form.cleaned_data["verdict"] if form.is_valid() else None
        title = _("Would this address pass?")
        return panel_page(request, "admin/accounts/simulator.html", title, form=form, verdict=verdict)

    def remove(self, actor: Actor, row: IpRange) -> None:
        addresses.remove(actor=actor, user=row.user, cidr=row.cidr)

    def has_change_permission(self, request: HttpRequest, obj: IpRange | None = None) -> bool:
        return False
