"""How any Careline service lives: batches, units of work, outbox, timers, clock, health."""
