"""How the section writes its numbers."""

from __future__ import annotations


def tex(value: float) -> str:
    """A number inside a formula: six digits, trailing zeros dropped."""
    digits, _, power = f"{value + 0.0:.6g}".partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits


def factor(value: float) -> str:
    """As `tex`, in parentheses if negative."""
    return f"({tex(value)})" if value < 0 else tex(value)


def cell(value: float) -> str:
    """A number in a table."""
    digits = tex(value)
    return f"${digits}$" if "^" in digits else minus(digits)


def minus(number: str) -> str:
    """A number's text with a true minus sign."""
    return number.replace("-", "−")
