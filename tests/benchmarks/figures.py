"""How the benchmarks say what they measured, and whether a bar of the project is met."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def say(
    what: str, figure: str, value: float, bar: float, unit: str = "", *, least: bool = False
) -> bool:
    """Print a figure, its bar (at most, or with `least` at least) and whether it is met."""
    met = value >= bar if least else value <= bar
    sign = "≥" if least else "≤"
    print(
        f"  {what:<46} {figure:<38} bar {sign} {bar:g}{unit:<4} {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def title(text: str) -> None:
    """Begin a part."""
    print(f"\n{text}", flush=True)
