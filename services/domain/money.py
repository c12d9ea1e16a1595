"""Amounts of money as a person reads them."""


def dollars(amount: float) -> str:
    """Return US dollars in a few cells: `$0`, `<$0.01`, `$0.12`, `$12.30`, `$1,234`."""
    if amount <= 0:
        return "$0"
    if amount < 0.01:
        return "<$0.01"
    # 99.995 rounds to 100.00, which already goes without cents.
    return f"${amount:,.2f}" if amount < 99.995 else f"${amount:,.0f}"
