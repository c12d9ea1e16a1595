"""Counts, sizes, durations and money as a person reads them, everywhere in the same words."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEP = 1024
# From here on one decimal would round up to a whole step: `1024.0 KiB`.
_ROUNDS_UP = _STEP - 0.05


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: `1 step`, `2,000 steps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: int) -> str:
    """Return a number of bytes in its largest unit: `812 B`, `23.4 KiB`, `1.2 MiB`, `4.7 GiB`."""
    if count < _STEP:
        return f"{count} B"
    amount, units = count / _STEP, ["KiB", "MiB", "GiB", "TiB"]
    while amount >= _ROUNDS_UP and len(units) > 1:
        amount, units = amount / _STEP, units[1:]
    return f"{amount:,.1f} {units[0]}"


def duration(seconds: float | None) -> str:
    """Return a duration in at most two units: `0.4s`, `7s`, `1m 04s`, `2h 05m`, `3d 04h`.

    Whole units are those that have passed, as on a clock; what has not begun is empty.
    """
    if seconds is None:
        return ""
    if 0 < seconds < 1:
        return f"{max(seconds, 0.1):.1f}s" if seconds < 0.95 else "1s"
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02d}h"


def dollars(amount: float) -> str:
    """Return US dollars in a few cells: `$0`, `<$0.01`, `$0.12`, `$12.30`, `$1,234`."""
    if amount <= 0:
        return "$0"
    if amount < 0.01:
        return "<$0.01"
    # 99.995 rounds to 100.00, which already goes without cents.
    return f"${amount:,.2f}" if amount < 99.995 else f"${amount:,.0f}"
