"""Addresses about people, below ``/_admin/``."""

from django.urls import path

from accounts import group_views, views

urlpatterns = [
    path("login", views.sign_in, name="login"),
    path("logout", views.sign_out, name="logout"),
    path("register", views.register, name="register"),
    path("password_reset", views.ask_for_password, name="password_reset"),
    path("password_reset/<str:uid>/<str:token>", views.reset_password, name="password_reset_confirm"),
    path("my_account", views.profile, name="my_account"),
    path("my_account/password", views.password, name="my_account_password"),
    path("my_account/emails", views.email_addresses, name="my_account_emails"),
    path("my_account/api_keys/<int:number>/revoke", views.revoke_key, name="my_account_revoke_key"),
    path("my_account/api_keys/reset", views.reset_key, name="my_account_reset_key"),
    path("my_account/ips", views.ip_addresses, name="my_account_ips"),
    path("my_account/user_groups", group_views.mine, name="my_account_user_groups"),
    path("my_account/user_groups/<int:number>", group_views.members, name="user_group"),
    path("my_account/sessions", views.sessions, name="my_account_sessions"),
]
