"""`careline deadletter`: what could not be handled, why, and how it is put right."""
