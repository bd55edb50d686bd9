"""
The counter's page: what a clerk of a municipality sees and does where people come to move in (書かない窓口), and to
say who may act for them (代理の届出).

It is filled already and asks for nothing that an office holds.  What it rests on is `kiban.world.office.counter`.
SIMULATED.

Reading order: `notices` and `mandates` for what is shown, `clerks` for who may see it, `app` for the pages.
"""
