"""One record per customer: joins identities into customers."""
