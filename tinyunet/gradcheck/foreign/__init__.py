"""Check code that was not written for tinyunet: functions, objects, files that somebody hands in."""
