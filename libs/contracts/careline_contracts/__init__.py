"""What Careline's services say to each other: envelope, events, topics. A leaf: pydantic only."""
