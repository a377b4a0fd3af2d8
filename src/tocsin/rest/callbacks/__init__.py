"""The addresses at which providers tell us something: a key was pressed, a message arrived, somebody wrote back."""
