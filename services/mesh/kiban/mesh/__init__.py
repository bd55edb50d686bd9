"""
The mesh's core (情報提供の中核): who may ask whom for what, and the log of everything that was asked.

It checks the law, converts pseudonyms that it cannot read, logs, and only then permits.  It learns who asks whom for
what, never about whom, and no body passes it.

Read in this order: `contract` (what it promises); `permits` (the only way to a conversion), `law`, `keys` and
`directory` (the rules); `merkle`, `tiles`, `notes` and `log` (the log); `core` (how it is put together); then
`store`, `client` and `app`.  `verifier` stands alone: anybody may check the log with it.
"""
