"""
The portal's database: `tables` say what is kept, `rows` is how the rules write and read it, by chapters.

`people` (sessions, operations), `approvals` (consents), `applications` (drafts, what is sent), `notices` (receipts);
`transaction` is what they share.
"""
