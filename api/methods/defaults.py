"""Methods about what everybody may do."""

from __future__ import annotations

from accounts.actors import Actor
from accounts.services import defaults as account_defaults
from api.method import ApiNamespace, JsonObject
from repos.services import defaults

namespace = ApiNamespace()

#: Argument -> kind of global permission.
KINDS = {
    "create_repo": "hg.create",
    "fork": "hg.fork",
    "user_group_create": "hg.usergroup.create",
    "repo_perm": "repository",
    "repo_group_perm": "group",
    "user_group_perm": "usergroup",
    "register": "hg.register",
    "extern_activate": "hg.extern_activate",
}


@namespace.method(admin=True)
def get_default_permissions(actor: Actor) -> JsonObject:
    """What everybody may do, and what everybody gets on new objects.

    Needs: administrator rights.

    Returns:
        ``create_repo``, ``fork``, ``user_group_create``, ``repo_perm``, ``repo_group_perm``, ``user_group_perm``,
        ``register``, ``extern_activate``: permissions as in ``permissions.global`` of ``get_user``; ``anonymous``:
        whether visitors without an account may come in.
    """
    current = account_defaults.current()
    return {name: current[kind] for name, kind in KINDS.items()} | {"anonymous": account_defaults.anonymous_allowed()}


@namespace.method(admin=True)
def update_default_permissions(
    actor: Actor,
    create_repo: str | None = None,
    fork: str | None = None,
    user_group_create: str | None = None,
    repo_perm: str | None = None,
    repo_group_perm: str | None = None,
    user_group_perm: str | None = None,
    register: str | None = None,
    extern_activate: str | None = None,
    anonymous: bool | None = None,
    overwrite: bool = False,
) -> JsonObject:
    """Change what everybody may do; what is not given stays.

    Needs: administrator rights.

    Args:
        create_repo: ``hg.create.none`` or ``hg.create.repository``.
        fork: ``hg.fork.none`` or ``hg.fork.repository``.
        user_group_create: ``hg.usergroup.create.false`` or ``hg.usergroup.create.true``.
        repo_perm: on new repositories: ``repository.none``, ``.read``, ``.write`` or ``.admin``.
        repo_group_perm: on new repository groups: ``group.none``, ``.read``, ``.write`` or ``.admin``.
        user_group_perm: on new user groups: ``usergroup.none``, ``.read``, ``.write`` or ``.admin``.
        register: ``hg.register.none``, ``hg.register.manual_activate`` or ``hg.register.auto_activate``.
        extern_activate: ``hg.extern_activate.manual`` or ``hg.extern_activate.auto``.
        anonymous: whether visitors without an account may come in.
        overwrite: also set the given levels on all repositories that are not private, groups and user groups.

    Returns:
        ``msg``; ``permissions`` as in ``get_default_permissions``.

    Raises:
        x is not one of y: no such permission.
    """
    given = {
        "create_repo": create_repo,
        "fork": fork,
        "user_group_create": user_group_create,
        "repo_perm": repo_perm,
        "repo_group_perm": repo_group_perm,
        "user_group_perm": user_group_perm,
        "register": register,
        "extern_activate": extern_activate,
    }
    permissions = {KINDS[name]: value for name, value in given.items() if value is not None}
    defaults.update(actor=actor, permissions=permissions, anonymous=anonymous, overwrite=overwrite)
    return {"msg": "updated default permissions", "permissions": get_default_permissions(actor)}
