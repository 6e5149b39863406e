"""Risks that stand in a text: lexicons, contacts, insults, the customers' own lists."""
