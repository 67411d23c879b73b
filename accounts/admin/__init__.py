"""People in the admin panel."""

from django.contrib import admin
from django.contrib.auth.models import Group

from accounts.admin import addresses, groups, keys, site, users

__all__ = ["addresses", "groups", "keys", "site", "users"]

admin.site.unregister(Group)  # Django's own groups mean nothing here
