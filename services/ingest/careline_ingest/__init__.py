"""The edge: checks touchpoints, replaces personal identities by tokens, publishes."""
