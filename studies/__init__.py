"""One folder per chapter: code that only this chapter or its recorded result needs, and the command that records it."""
