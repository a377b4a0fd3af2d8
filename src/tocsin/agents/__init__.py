"""Programs that act with judgement of their own: what each may do, whom it must ask, and what it has asked."""
