"""
Companies: a bank, an electricity and a water company, private services that use login and nothing else.  SIMULATED.

Each learns who a customer is by a pairwise subject that no other service knows, and name and address because the
customer consented to that, also for later: when she moves, they follow.  Read `app`, then `customers` and `following`.
"""
