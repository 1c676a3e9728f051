"""What other toolkits call our networks, as the cards say."""

from neocog.nets import index, nets


def aliases(prefix: str) -> list[tuple[str, str]]:
    """(our name, theirs) of every network that the toolkit of this prefix has: ("resnet18", "resnet18") for "tv"."""
    saved = index.saved()
    known = (
        [(entry.name, entry.same_as) for entry in saved.values()]
        if saved is not None
        else [(net.name, net.card.same_as) for net in nets().values()]
    )
    return [(net, name.partition(":")[2]) for net, same in known for name in same if name.startswith(f"{prefix}:")]
