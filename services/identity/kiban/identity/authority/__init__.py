"""
The authority (simulates J-LIS): certificates, their status, and the resident side of pseudonym issue.

Reading order: `contract` (what it offers), `profile` and `validity` (what a certificate is, as data), `certificates`
and `lint` (how one is built and judged), `issuance` (intent first, signature second), `validation` (what is believed
of a card), `mandates` (who may act for whom), `lifecycle`, `status` (revocation, OCSP, CRL), `acquisition` (tokens of a
blinded person point).
"""
