"""Days in SQL: dates in the tables, ordinals in Python, of which 1 is the first day of year 1."""

ORDINAL = "(day - DATE '0001-01-01' + 1)"
"""The ordinal of a date."""

DATE = "(DATE '0001-01-01' + (day - 1))"
"""The date of an ordinal."""
