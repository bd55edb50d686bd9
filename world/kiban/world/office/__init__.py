"""
An office of the made-up country: its records, and its desk for applications.

One program serves every office; what differs is the agency's file.  Read in this order: `agencies` (what a file may
say), `records` (what the office holds, asked by its gateway), `desk` (taking applications in), `examination` (how one
is decided), `following` (what it tells of its records and takes over from others'), then `conditions`, `effects`,
`answers` and `application`.  SIMULATED.
"""
