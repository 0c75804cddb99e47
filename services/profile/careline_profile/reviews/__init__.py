"""What people decide about links: those that a rule holds, and those that joined by mistake."""
