"""What was found of a data set against what was published, as a table for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CheckReport", "CheckRow"]


@dataclass(frozen=True)
class CheckRow:
    """Pictures found against pictures published, for one class of a domain or for all its class folders."""

    domain: str
    class_name: str
    found: int
    published: int

    @property
    def remark(self) -> str:
        """What is wrong in words; empty if nothing is."""
        if self.found == self.published:
            return ""
        if self.found == 0:
            return "missing"
        return f"{abs(self.found - self.published)} too {'few' if self.found < self.published else 'many'}"


@dataclass(frozen=True)
class CheckReport:
    """What a check found: a row for each published number.

    Parameters
    ----------
    name : of the data set.
    root : where it was looked for.
    rows : found against published.
    source_note : where people get the data, as an instruction.
    counted : what to know of the published numbers; empty if nothing.

    >>> row = CheckRow("photo", "dog", found=187, published=189)
    >>> report = CheckReport("pacs", Path("data"), (row,), "draw it")
    >>> report.ok, report.lines()[2]
    (False, 'photo   dog      187        189  2 too few')
    """

    name: str
    root: Path
    rows: tuple[CheckRow, ...]
    source_note: str
    counted: str = ""

    @property
    def ok(self) -> bool:
        """Whether every count is the published one."""
        return not any(row.remark for row in self.rows)

    def lines(self) -> list[str]:
        """A table of all counts, then what differs and where people get the data."""
        table = [("domain", "class", "found", "published", "")]
        table += [(row.domain, row.class_name, str(row.found), str(row.published), row.remark) for row in self.rows]
        wide = [max(len(line[column]) for line in table) for column in range(4)]
        lines = [f"{self.name} in {self.root}"]
        for domain, class_name, found, published, remark in table:
            counts = f"{found:>{wide[2]}}  {published:>{wide[3]}}"
            lines.append(f"{domain:{wide[0]}}  {class_name:{wide[1]}}  {counts}  {remark}".rstrip())
        lines += [f"counts: {self.counted}"] * bool(self.counted)
        if self.ok:
            return [*lines, "complete: every count is the published one"]
        for domain in dict.fromkeys(row.domain for row in self.rows if row.remark):
            rows = [row for row in self.rows if row.domain == domain]
            if not any(row.found for row in rows):
                lines.append(f"missing: domain {domain}")
            else:
                differing = (f"{row.class_name} ({row.remark})" for row in rows if row.remark)
                lines.append(f"differs: domain {domain} in {', '.join(differing)}")
        return [*lines, f"to get the data: {self.source_note}"]
