"""
The vault: the resident network (住民基本台帳ネットワーク), the only place that holds My Numbers.  SIMULATED.

It knows everybody's four attributes, and with the authority alone the resident record codes.  An agency sends four
attributes and gets back a token for its own pseudonym; no number travels either way.  Read `numbers`, `residents`,
`network`; `app` adds its routes to the resident network's gateway.
"""
