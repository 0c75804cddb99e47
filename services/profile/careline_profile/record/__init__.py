"""The record of a customer: facts as they were told, and what they come to (REC-3 … REC-6)."""
