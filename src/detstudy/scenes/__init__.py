"""The embedded data set: driving scenes, drawn with exact masks."""
