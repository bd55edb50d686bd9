"""
The made-up country: all that a real one would bring to the backbone.  SIMULATED.

Its data are files (`country/`), read by `cast`.  `office` plays every agency beside its gateway, `vault` the resident
network, `cards` the chips and the page to hold them up, `bank` a private service.  `population` makes the country come
to life, `moving_in` puts each part beside its role, `citizen` is somebody with a browser and a card, and `faults` are
misbehaviours by name.  Nothing imports this room but deploy and tests: delete it, and the backbone stands.
"""
