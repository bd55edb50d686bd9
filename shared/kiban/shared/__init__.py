"""
What every room stands on; nothing here knows a service.

The alphabet of the protocols: `canonical`, `encoding`, `identifiers`, `points`, `pseudonyms`, `sealing`, `es256`,
`tokens`, `signatures`, `members`, `membership`, `exchanges`.

The plumbing: `problems`, `access`, `app`, `http`, `settings`, `database`, `keyring`, `outbox`, `clock`, `trace`,
`pages`, `csrf`, `cookies`, `country`, `mistakes`.
"""
