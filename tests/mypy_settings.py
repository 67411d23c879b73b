"""The settings as the type checker reads them."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _INSTALLED_APPS

# modeltranslation replaces the managers of translated models by classes that the checker's Django plugin cannot see.
INSTALLED_APPS = [app for app in _INSTALLED_APPS if app != "modeltranslation"]
