"""How each person wants to be reached: addresses proven to be theirs, in which order, and when not."""
