"""The portal's database: `tables` say what is kept, `rows` how it is written and read."""
