"""The rooms of the console: one file each, which hands out its pages."""
