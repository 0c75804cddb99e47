"""Care that happens: the 24-hour retention case."""
