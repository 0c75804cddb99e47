"""The `careline customer` command: one customer, looked at and put right from a shell."""
