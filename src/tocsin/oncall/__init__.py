"""Who is on call: calendars, rotations, overrides, and the answer to "who, at this instant?"."""
