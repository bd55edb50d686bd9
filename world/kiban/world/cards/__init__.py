"""
Cards: the simulated chips, and the page at which a person holds one up and types the PIN.

In real life the chip of a My Number card and the reader of a phone.  The only place that ever holds a citizen's
private key or sees a PIN.  It runs as a role of its own, with an origin of its own, and no office imports it.

Reading order: `card` for what a chip decides, `terms` for what a person is shown before approving, `taps` for the
way from login's request to its answer, `issuing` for how a card comes into the world.  SIMULATED.
"""
