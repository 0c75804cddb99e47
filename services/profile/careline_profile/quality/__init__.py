"""How good the records are (REC-4): measured each week, reported each month, with duplicates."""
