"""
The portal: the citizen's front door (in real life マイナポータル).

A citizen logs in with the card, sees which office would read what, and why, approves exactly that, finds a form that
is filled from what the offices already hold, signs it on the card, and later sees who looked at what, with a proof.

Reading order: `contract`; the rules by their nouns, `procedures`, `terms`, `held`, `answers`, `applications`,
`applying` (the main job, step by step), `sessions`, `acting` (for somebody else), `errands`, `history`,
`proofs`; the edges `store`, `pages`, `app`.
"""
