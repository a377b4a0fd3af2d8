"""Who works here: teams, the people in them, and the tokens with which programs speak for a team."""
