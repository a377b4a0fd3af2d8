"""The decisions about watching: what a check means, what may be set up, when we do not watch and what was available."""
