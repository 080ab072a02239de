"""What commands about prices read from words."""

from melange_cloud.domain.gpu_kinds import PURCHASES
from melange_cloud.inputs.comma_lists import listed_or_all


def purchases_of(words: list[str] | None, default: tuple[str, ...] = PURCHASES) -> tuple[str, ...]:
    """What ``--purchase`` says; ``default`` where it is not given, all for ``all``.

    Raises:
        BadInput: an unknown word.
    """
    from melange_cloud.inputs.purchase_names import purchase_named

    if not words:
        return default
    asked = listed_or_all("--purchase", words)
    return PURCHASES if asked is None else tuple(dict.fromkeys(purchase_named("--purchase", word) for word in asked))


def gpus_of(words: list[str] | None) -> frozenset[str]:
    """What ``--gpu`` says; empty if it is not given.

    Raises:
        BadInput: an unknown GPU.
    """
    from melange_cloud.inputs.gpu_names import gpu_of_option

    return frozenset(gpu_of_option("--gpu", word) for word in listed_or_all("--gpu", words) or ())


def provider_of(word: str | None) -> str | None:
    """What ``--provider`` says, as ``aws`` or ``gcp``; None if it is not given."""
    from melange_cloud.inputs.cloud_names import plain_cloud

    return plain_cloud(word) if word else None
