"""What the facts about a customer come to: their form, the record, its history, its quality."""
