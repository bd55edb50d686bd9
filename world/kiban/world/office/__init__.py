"""
An office of the made-up country: its records, and its desk for applications.

One program serves every office; what differs is the agency's file.  Read in this order: `agencies` (what a file may
say), `records` (what the office holds, asked by its gateway), `desk` (taking applications in), `examination` (how one
is decided), then `conditions`, `effects`, `answers` and `application`.  SIMULATED.
"""
