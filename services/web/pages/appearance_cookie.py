"""How the pages look to one browser, kept in a cookie so that the server draws them right at once."""

from collections.abc import Mapping
from dataclasses import dataclass

COOKIE = "appearance"
THEMES = ("auto", "light", "dark")
COLOURS = ("standard", "blind")
KEPT_SECONDS = 365 * 86400


@dataclass(frozen=True, slots=True)
class Appearance:
    """A theme, and the pair of colours for profit and loss."""

    theme: str = "auto"
    colours: str = "standard"

    def as_cookie(self) -> str:
        """Write it as `theme.colours`."""
        return f"{self.theme}.{self.colours}"


def read_appearance(cookies: Mapping[str, str]) -> Appearance:
    """Read the cookie; what it does not say, or says wrongly, is the default."""
    theme, _, colours = cookies.get(COOKIE, "").partition(".")
    return choose(Appearance(), theme, colours)


def choose(appearance: Appearance, theme: str | None, colours: str | None) -> Appearance:
    """Change what is given and known."""
    return Appearance(
        theme=theme if theme in THEMES else appearance.theme,
        colours=colours if colours in COLOURS else appearance.colours,
    )
