"""Working calendars: pure, exact, and without a present of their own."""
