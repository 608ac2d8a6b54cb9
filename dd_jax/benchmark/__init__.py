"""The open benchmark: published sets, evaluated again and ranked."""
