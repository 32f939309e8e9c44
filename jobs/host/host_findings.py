"""How findings are made and GPUs counted."""

from compound.schemas.host import Finding, Gpu, HostFacts


def wrong(text: str, fix: str = "") -> Finding:
    """Return a finding that training would suffer from."""
    return Finding(level="wrong", text=text, fix=fix)


def noted(text: str, fix: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(level="note", text=text, fix=fix)


def gpus_of(facts: HostFacts) -> tuple[Gpu, ...]:
    return facts.driver.gpus if facts.driver else ()


def counted(count: int) -> str:
    return f"{count} GPU{'s' if count != 1 else ''}"
