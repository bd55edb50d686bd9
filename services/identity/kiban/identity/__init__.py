"""
Identity: who somebody is, and how they show it.

Two parties that know different things: `authority` certifies people, cards and members and tells the status of
certificates; `login` lets a person log in, sign and approve with a card, and calls them differently at each service.
"""
