"""
Deploy: the one room that knows every other, the environment and the command line.

Reading order: `topology` (who is wired to whom), `premises` (what a deployment keeps between starts), `embedded`
(all roles in one process), then one small module for each command.
"""
