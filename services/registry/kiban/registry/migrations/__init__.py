"""Versions of the register's schema; the newest is made from the oldest, never anew."""
