"""The authority's schema, version by version."""
