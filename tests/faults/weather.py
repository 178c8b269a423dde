"""What a seed has much of and what it lacks: a storm of everything at once hides what only many faults of one kind bring to
light, and what one kind does while another is absent.

Source: Groce, Zhang, Eide, Chen, Regehr: Swarm Testing, ISSTA 2012.
"""
import random

MOODS = [0, 1, 1, 6]  # how often a thing is chosen, beside how often it would be


class Weather:
    """The same seed has the same moods, whatever else is chosen by it."""

    def __init__(self, seed):
        self.seed = seed

    def mood(self, name):
        return random.Random(f"weather-{self.seed}-{name}").choice(MOODS)

    def spares(self, part):
        """Whether this seed leaves a part ("kafka", "redis", …) alone: else what one part's trouble breaks is mended by another's,
        as a lost timer is by a flushed Redis. Programs are never spared."""
        return part is not None and random.Random(f"spares-{self.seed}-{part}").random() < 1 / 3

    def pick(self, things, chance, name=str, weight=lambda thing: 1):
        """One of the things (not empty) by weight and mood; when the seed likes none of them, by weight alone."""
        weights = [weight(thing) * self.mood(name(thing)) for thing in things]
        return chance.choices(things, weights if any(weights) else [weight(thing) for thing in things])[0]
