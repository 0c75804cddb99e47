"""The timeline of a customer: every touchpoint of every channel, newest first."""
