"""`careline demo`: eighteen months of a shop's real customers through all five services."""
