"""Who looks at a page, and in which time zone."""

from zoneinfo import ZoneInfo

from flask import g

from shared.store.users import User


def viewer() -> User:
    """The user who is signed in; pages are not reached without one."""
    user: User = g.user
    return user


def viewer_if_any() -> User | None:
    """The user who is signed in, or None on pages for everybody."""
    user: User | None = g.get("user")
    return user


def viewer_zone() -> ZoneInfo:
    """The time zone that the viewer's pages are in."""
    user = viewer_if_any()
    return ZoneInfo(user.timezone if user else "UTC")
