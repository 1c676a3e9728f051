"""The bake-off: several networks, the same pictures, split and time; tested once, compared with intervals, one recommended.

plan (what it is) → prepare (adapt, fix the length) → pool (train, by `trial`) → measure (what they cost) → rank → recommend.
"""
