"""Raw line bytes → coloured text. Colours are kept, every other control is not.

Of ECMA-48 only SGR (CSI … m) has an effect: 16, 256 and true colours, bold, dim, italic,
underline, strike, reverse. Concealed text is shown. Controls follow the rules of
`services.domain.safe_text`, so nothing but printable text leaves this module.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color
from rich.style import Style

from foredeck.services.domain.safe_text import TAB_SIZE, visible

SPANS = 512
"""Style changes of a line that are followed; behind them the text goes on unstyled."""

Span = tuple[str, Style | None]

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
)
_CUT_SEQUENCE = re.compile(r"(?:\x1b|\x9b)[^@-Z\\^-~]*[\[\]]?[0-?]*\Z")
_PLAIN = re.compile(r"[ -~\xa0-\xac\xae-\u02ff\u2500-\u25fc]*\Z")
_ATTRIBUTES: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
}


def parse(data: bytes, *, cut: bool = False) -> list[Span]:
    """Return the spans of one line (without its newline); `cut` says that more follows."""
    text = data.decode("utf-8", "replace").rstrip("\r")
    if _PLAIN.match(text):
        return [(text, None)] if text else []
    if cut:
        text = _CUT_SEQUENCE.sub("", text)
    return _Line().read(text)


class _Line:
    """A line while it is read; columns are counted in characters, tabs need them."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._state: tuple[tuple[str, object], ...] = ()
        self._column = 0
        self._returned = False
        self._covered = False

    def read(self, text: str) -> list[Span]:
        position = 0
        for number, match in enumerate(_SEQUENCE.finditer(text)):
            self._text(text[position : match.start()])
            if match["final"] == "m" and match["parameters"][:1] not in {"<", "=", ">", "?"}:
                if number < SPANS:
                    self._state = apply_sgr(self._state, match["parameters"])
                else:
                    self._state = ()
            elif match["final"] == "G" and match["parameters"] in {"", "0", "1"}:
                self._returned = True
            position = match.end()
        self._text(text[position:])
        return [("␍", None), *self._spans] if self._covered else self._spans

    def _text(self, text: str) -> None:
        head, *others = text.split("\r")
        self._put(head)
        for other in others:
            self._returned = True
            self._put(other)

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._returned:
            self._start_again()
        if "\t" in text:
            text = _expand(text, self._column)
        self._column += len(text)
        shown, style = visible(text), _style(self._state)
        if self._spans and self._spans[-1][1] is style:
            self._spans[-1] = (self._spans[-1][0] + shown, style)
        else:
            self._spans.append((shown, style))

    def _start_again(self) -> None:
        self._covered = self._covered or any(text.strip() for text, _ in self._spans)
        self._spans.clear()
        self._column = 0
        self._returned = False


def _expand(text: str, column: int) -> str:
    return (" " * (column % TAB_SIZE) + text).expandtabs(TAB_SIZE)[column % TAB_SIZE :]


@lru_cache(maxsize=4096)
def apply_sgr(
    state: tuple[tuple[str, object], ...], parameters: str
) -> tuple[tuple[str, object], ...]:
    """Return the state (sorted pairs of Rich style arguments) after one SGR sequence."""
    codes = [int(part[:5]) if part.isdigit() else 0 for part in re.split("[;:]", parameters)]
    fields = dict(state)
    position = 0
    while position < len(codes):
        code = codes[position]
        position += 1
        if code in {38, 48}:
            colour, position = _colour(codes, position)
            if colour is not None:
                fields["color" if code == 38 else "bgcolor"] = colour
        else:
            _apply_code(fields, code)
    return tuple(sorted(fields.items()))


def _apply_code(fields: dict[str, object], code: int) -> None:
    if code == 0:
        fields.clear()
    elif code in _ATTRIBUTES:
        fields.update(_ATTRIBUTES[code])
    elif 30 <= code <= 37 or 90 <= code <= 97:
        fields["color"] = code - 30 if code < 40 else code - 82
    elif 40 <= code <= 47 or 100 <= code <= 107:
        fields["bgcolor"] = code - 40 if code < 50 else code - 92
    elif code == 39:
        fields.pop("color", None)
    elif code == 49:
        fields.pop("bgcolor", None)


def _colour(codes: list[int], position: int) -> tuple[object | None, int]:
    """Read `5;N` or `2;R;G;B` behind 38 or 48; return the colour and where to go on."""
    mode = codes[position] if position < len(codes) else 0
    values = codes[position + 1 : position + (2 if mode == 5 else 4)]
    if mode == 5 and len(values) == 1:
        return min(values[0], 255), position + 2
    if mode == 2 and len(values) == 3:
        return tuple(min(value, 255) for value in values), position + 4
    return None, len(codes)


@lru_cache(maxsize=4096)
def _style(state: tuple[tuple[str, object], ...]) -> Style | None:
    fields = dict(state)
    if not any(fields.values()) and "color" not in fields and "bgcolor" not in fields:
        return None
    colour, ground = (_rich_colour(fields.pop(name, None)) for name in ("color", "bgcolor"))
    if colour is not None and colour == ground:
        colour = ground = None  # text in the colour of its ground would be hidden
    attributes = {name: True for name, value in fields.items() if value}
    return Style(color=colour, bgcolor=ground, **attributes)  # type: ignore[arg-type]


def _rich_colour(value: object) -> Color | None:
    if isinstance(value, int):
        return Color.from_ansi(value)
    if isinstance(value, tuple):
        return Color.from_rgb(*value)
    return None
