"""
What a browser gets from the portal: routes that read a form, call one rule and show one page.

`site` has what all pages share: the session, the form's token, the frame.  The others are one chapter each: `front`
(before and after login), `visit` (login, card, logout), `apply` (the main job), `own` (records, history, consents,
notices, operations).
"""
