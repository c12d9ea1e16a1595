"""The themes: one accent, the state colours of SPEC U4, and thin rules.

`foredeck-dark` and `foredeck-light` are in true colour; their greys have so little
saturation that 256 colours approximate them by greys. `foredeck-ansi` speaks the terminal's
own 16 colours and background, for terminals that have no more. `VARIABLE_DEFAULTS` belongs
in `App.get_theme_variable_defaults`, so that Textual's own themes can be chosen, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.color import parse_rgb_hex
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

DARK = "foredeck-dark"
LIGHT = "foredeck-light"
ANSI = "foredeck-ansi"

_DARK_VARIABLES = {
    "ink-strong": "#eef2f6",
    "ink-muted": "#8b96a3",
    "ink-faint": "#5d6875",
    "rule": "#2e343b",
    "edge": "#4a5563",
    "row-cursor": "#2a3138",
    "row-cursor-blurred": "#1e2226",
    "row-cursor-ink": "#eef2f6",
    "row-cursor-style": "none",
    "state-pending": "#7c8794",
    "state-running": "#61a8ff",
    "state-success": "#6cc588",
    "state-failed": "#ff6f73",
    "state-retry": "#e6c15a",
    "state-waiting": "#d78bea",
    "state-skipped": "#5d6875",
    "state-skipped-style": "none",
    "state-partial": "#b5c85a",
    "state-cancelled": "#8f959c",
    "label-ink": "#10141a",
    "label-ground": "#e6c15a",
    "label-style": "bold",
    "block-cursor-background": "#2a3138",
    "block-cursor-foreground": "#eef2f6",
    "block-cursor-text-style": "none",
    "border": "#56b6c2",
    "border-blurred": "#2e343b",
    "footer-background": "#181c20",
    "footer-foreground": "#8b96a3",
    "footer-description-foreground": "#8b96a3",
    "footer-key-foreground": "#56b6c2",
    "scrollbar": "#343b43",
    "scrollbar-hover": "#454d56",
    "scrollbar-active": "#56b6c2",
    "scrollbar-background": "#10141a",
    "scrollbar-background-hover": "#10141a",
    "scrollbar-background-active": "#10141a",
    "scrollbar-corner-color": "#10141a",
    "input-selection-background": "#56b6c2 35%",
}
_LIGHT_VARIABLES = {
    "ink-strong": "#10161d",
    "ink-muted": "#56616d",
    "ink-faint": "#77828e",
    "rule": "#d5dae0",
    "edge": "#9aa4af",
    "row-cursor": "#d6e8ee",
    "row-cursor-blurred": "#e9edf0",
    "row-cursor-ink": "#10161d",
    "row-cursor-style": "none",
    "state-pending": "#68737f",
    "state-running": "#0b62c4",
    "state-success": "#1c7a3f",
    "state-failed": "#c2252d",
    "state-retry": "#8a6100",
    "state-waiting": "#8e2fae",
    "state-skipped": "#7b8590",
    "state-skipped-style": "none",
    "state-partial": "#5f6f00",
    "state-cancelled": "#666d75",
    "label-ink": "#fbfcfd",
    "label-ground": "#8a6100",
    "label-style": "bold",
    "block-cursor-background": "#d6e8ee",
    "block-cursor-foreground": "#10161d",
    "block-cursor-text-style": "none",
    "border": "#0f7482",
    "border-blurred": "#d5dae0",
    "footer-background": "#eef1f4",
    "footer-foreground": "#56616d",
    "footer-description-foreground": "#56616d",
    "footer-key-foreground": "#0f7482",
    "scrollbar": "#c6cdd5",
    "scrollbar-hover": "#b1bac4",
    "scrollbar-active": "#0f7482",
    "scrollbar-background": "#fbfcfd",
    "scrollbar-background-hover": "#fbfcfd",
    "scrollbar-background-active": "#fbfcfd",
    "scrollbar-corner-color": "#fbfcfd",
    "input-selection-background": "#0f7482 25%",
}
_ANSI_VARIABLES = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "ink-strong": "ansi_default",
    "ink-muted": "ansi_default",
    "ink-faint": "ansi_default",
    "rule": "ansi_bright_black",
    "edge": "ansi_default",
    "row-cursor": "ansi_default",
    "row-cursor-blurred": "ansi_default",
    "row-cursor-ink": "ansi_default",
    "row-cursor-style": "reverse",
    "state-pending": "ansi_default",
    "state-running": "ansi_blue",
    "state-success": "ansi_green",
    "state-failed": "ansi_red",
    "state-retry": "ansi_yellow",
    "state-waiting": "ansi_magenta",
    "state-skipped": "ansi_default",
    "state-skipped-style": "dim",
    "state-partial": "ansi_yellow",
    "state-cancelled": "ansi_default",
    "label-ink": "ansi_yellow",
    "label-ground": "ansi_default",
    "label-style": "bold reverse",
    "border": "ansi_cyan",
    "border-blurred": "ansi_bright_black",
    "footer-key-foreground": "ansi_cyan",
    "block-cursor-background": "ansi_cyan",
    "block-cursor-foreground": "ansi_black",
}

# What codex's commands mean by red or green: the colours of the themes, not a terminal's.
# Order: black, red, green, yellow, blue, magenta, cyan, white; then the bright ones.
_DARK_BASIC = ("#5d6875", "#ff6f73", "#6cc588", "#e6c15a", "#61a8ff", "#d78bea", "#56b6c2")
_DARK_BRIGHT = ("#8b96a3", "#ff9093", "#8fdaa6", "#f2d683", "#8fc1ff", "#e6aef3", "#7fd0da")
_LIGHT_BASIC = ("#10161d", "#c2252d", "#1c7a3f", "#8a6100", "#0b62c4", "#8e2fae", "#0f7482")
_LIGHT_BRIGHT = ("#56616d", "#d83a42", "#23884a", "#976c07", "#2174d2", "#9f45bd", "#1a8190")


def _palette(ground: str, ink: str, basic: Sequence[str], bright: Sequence[str]) -> TerminalTheme:
    def triple(colour: str) -> tuple[int, int, int]:
        return parse_rgb_hex(colour[1:])

    return TerminalTheme(
        triple(ground),
        triple(ink),
        [triple(colour) for colour in basic],
        [triple(colour) for colour in bright],
    )


ANSI_DARK = _palette("#10141a", "#c8d0d9", (*_DARK_BASIC, "#c8d0d9"), (*_DARK_BRIGHT, "#eef2f6"))
# White on a light ground would not be seen: it becomes a grey.
ANSI_LIGHT = _palette("#fbfcfd", "#26303a", (*_LIGHT_BASIC, "#77828e"), (*_LIGHT_BRIGHT, "#56616d"))

VARIABLE_DEFAULTS: Mapping[str, str] = {
    name: value
    for name, value in _DARK_VARIABLES.items()
    if name.partition("-")[0] in {"ink", "rule", "edge", "row", "state", "label"}
}

THEMES = (
    Theme(
        name=DARK,
        primary="#56b6c2",
        secondary="#7f9fb5",
        accent="#56b6c2",
        warning="#e6c15a",
        error="#ff6f73",
        success="#6cc588",
        foreground="#c8d0d9",
        background="#10141a",
        surface="#181c20",
        panel="#20252a",
        dark=True,
        variables=_DARK_VARIABLES,
    ),
    Theme(
        name=LIGHT,
        primary="#0f7482",
        secondary="#41606f",
        accent="#0f7482",
        warning="#8a6100",
        error="#c2252d",
        success="#1c7a3f",
        foreground="#26303a",
        background="#fbfcfd",
        surface="#f3f5f7",
        panel="#e9edf0",
        dark=False,
        variables=_LIGHT_VARIABLES,
    ),
    Theme(
        name=ANSI,
        primary="ansi_cyan",
        secondary="ansi_blue",
        accent="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables=_ANSI_VARIABLES,
        ansi=True,
    ),
)


def theme_for(color_system: str | None, *, dark: bool = True) -> str:
    """Return the theme for a Rich colour system (`standard`, `256`, `truecolor`, None).

    With 16 colours or none the terminal's own palette is used: an approximated dark
    theme there turns its greys into black on black.
    """
    if color_system in ("256", "truecolor"):
        return DARK if dark else LIGHT
    return ANSI
