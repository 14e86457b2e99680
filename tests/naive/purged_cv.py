"""Purged splits as their definition says: each label against each test label, in lists."""

from msray.evaluation.purged_cv import Role

Span = tuple[int, int]


def naive_blocks(spans: list[Span], blocks: int) -> list[list[int]]:
    """Rows of each block, in order of start and row; the first blocks are the longer ones."""
    rows = sorted(range(len(spans)), key=lambda row: (spans[row][0], row))
    found = []
    for block in range(blocks):
        size = len(rows) // blocks + (block < len(rows) % blocks)
        found.append(rows[sum(map(len, found)) :][:size])
    return found


def naive_roles(spans: list[Span], tested: list[list[int]], purge_ns: int, embargo_ns: int) -> list[Role]:
    """Role of each row where these blocks are tested."""
    return [_role(row, spans, tested, purge_ns, embargo_ns) for row in range(len(spans))]


def naive_forward_roles(spans: list[Span], block: list[int], purge_ns: int, window_ns: int | None) -> list[Role]:
    """Role of each row where a block is tested and only what is past is trained on."""
    begin = min(spans[row][0] for row in block)
    first = min((spans[row][0], row) for row in block)
    roles = []
    for row, (start, end) in enumerate(spans):
        if row in block:
            roles.append(Role.TEST)
        elif (start, row) > first or (window_ns is not None and start < begin - purge_ns - window_ns):
            roles.append(Role.UNUSED)
        else:
            roles.append(Role.TRAIN if end < begin - purge_ns else Role.PURGED)
    return roles


def _role(row: int, spans: list[Span], tested: list[list[int]], purge_ns: int, embargo_ns: int) -> Role:
    if any(row in block for block in tested):
        return Role.TEST
    start, end = spans[row]
    role = Role.TRAIN
    for block in tested:
        first = min(spans[other][0] for other in block)
        last = max(spans[other][1] for other in block)
        if any(start <= spans[other][1] and end >= spans[other][0] for other in block):
            return Role.PURGED
        if first - purge_ns <= end < first:
            return Role.PURGED
        if last < start <= last + embargo_ns:
            role = Role.EMBARGOED
    return role
