"""Makes findings and counts GPUs, for all checks of a host."""

from compound.schemas.machine.host import Finding, Gpu, HostFacts


def wrong(text: str, fix: str = "") -> Finding:
    """Return a finding that makes training fail or slow."""
    return Finding(level="wrong", text=text, fix=fix)


def note(text: str, fix: str = "") -> Finding:
    """Return a finding for information."""
    return Finding(level="note", text=text, fix=fix)


def gpus_of(facts: HostFacts) -> tuple[Gpu, ...]:
    """Return the GPUs that the driver lists; none where it did not answer."""
    return facts.driver.gpus if facts.driver else ()


def counted(count: int) -> str:
    """Return a number of GPUs in words: `1 GPU`, `2 GPUs`."""
    return f"{count} GPU{'s' if count != 1 else ''}"
