"""
Fronts: private services that act for a person at the portal, within what that person approved.

Rules alone; the pages and operations are in `pages`.  Read `authorizations`, then `details` and `proofs`.
"""
