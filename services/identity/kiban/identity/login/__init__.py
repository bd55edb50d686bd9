"""
Login (simulates the digital authentication app): who is at the browser, proven by a card, told to relying parties.

Reading order: `contract` for what is promised, `authorization` for what a relying party may ask, `cardrequests` for
the way through the card and back, `tokengrants` for what it gets then; `consents`, `transactions`
and `acting` (for somebody else) beside them.

The PIN is typed at the card's page and never comes here.  SIMULATED: no real person can log in.
"""
