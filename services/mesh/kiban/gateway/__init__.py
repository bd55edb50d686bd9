"""
The gateway (successor of 中間サーバー): what an agency runs to take part in the mesh.

It holds the agency's keys and pseudonyms, blinds and unblinds, verifies permits, keeps consents and the agency's own
record of exchanges, and asks the agency's records through one narrow protocol.  The same program serves every agency,
and the portal.

Read in this order: `contract`, `blinding` (how an exchange is made and opened), `asking` and `provision` (its two
sides), `consents` and `consenting`, `lines` and `reading` (the citizen's lines), `own_record`, `moving`, then `agency`
(how it is put together), `store`, `client`, `app`.
"""
