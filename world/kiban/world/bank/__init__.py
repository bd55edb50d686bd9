"""
A bank: a private service that uses login and nothing else.  SIMULATED.

It learns who a customer is by a pairwise subject that no other service knows, and name and address because the
customer consented to that at login.  Read `app`, then `customers`.
"""
