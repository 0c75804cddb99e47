"""Tickets that keep their SLA."""
