"""One request's attempts: `walk` says what is tried next, `race` tries it, `continuing` goes on where an answer was cut."""
