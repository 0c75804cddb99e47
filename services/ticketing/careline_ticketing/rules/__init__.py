"""Which tickets a customer's facts make, and what others must be told when they turn out so."""
