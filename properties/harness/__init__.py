"""Runs laws on implementations: verdicts, pytest plugin, command line, reports."""
