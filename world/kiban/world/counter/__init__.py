"""
The counter (窓口) of a municipality: what a clerk sees and does where people come.

A signature certificate that ended with a move is renewed here.  SIMULATED.
Reading order: `clerks` for who may come, `app` for the pages.
"""
