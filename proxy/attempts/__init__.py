"""One request's attempts: `walk` says what is next, `race` tries it, `continuing` goes on where it was cut."""
