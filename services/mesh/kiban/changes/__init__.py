"""
The change office (更新情報の通知): who announced that what changed, and who is told.

A provider announces *item, blinded person*, never a value.  The office, one more member with a gateway of its own,
knows that person by a number for this item alone, finds who subscribed, and gives each a notice that carries the
subscriber's own tag.  The core converts announcement and subscription, and sees no notice.

Read in this order: `office` (the rules), `store`, then `kiban.gateway.following` (how members speak with it) and
`kiban.gateway.relaying` (how its gateway opens what they send).

Source: DESIGN 5.5; the protocol's page, section 5.5; plan rows MSH-06, MSH-39.
"""
