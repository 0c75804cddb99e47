"""Past facts, grouped by who says them."""
