"""
The registry (ベース・レジストリ): public reference data that everybody else names by id.

Municipalities, towns with their postal codes, and legal entities.  Other services keep an id and the registry's
sequence, never a copy; the registry keeps no personal data.  Everything here may be read by anybody.

Read `contract`, then the rules: `japan_post` (what the postal data say, and their traps), `town_ids`, `entities`
(the companies of a country), `spelling` (one way to write a name), `gazetteer` (what is held in memory, and search),
`resolution` (free text to ids), `editions` (what one edition changes).  The edges: `source` (the package's file),
`store`, `intake` (taking an edition in, whole or not at all), `app`.
"""
