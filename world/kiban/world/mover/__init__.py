"""
A private moving site: it helps people move house, through the portal's public interface and nothing else.  SIMULATED.

It has no access of its own to anybody's data.  A person lets it in at the portal, it fills the portal's form for her,
and hands her back to sign.  Read `app`, then `visits` and `origins`.
"""
