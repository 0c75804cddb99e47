"""A reference channel system: outreach by mail and webhook."""
