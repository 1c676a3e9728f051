"""The doctor: what is wrong with a set of pictures, before the first step of training; and a place for what is.

from neocog.pictures.doctor import check

report = check("photos/")
for finding in report.findings:
    print(finding.severity, finding.words, finding.files[:3])
"""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.pictures.doctor.checking import check as check
    from neocog.pictures.doctor.finding import KINDS as KINDS
    from neocog.pictures.doctor.finding import Finding as Finding
    from neocog.pictures.doctor.finding import Report as Report
    from neocog.pictures.doctor.moving import quarantine as quarantine
    from neocog.pictures.doctor.moving import undo as undo
    from neocog.pictures.doctor.quick import quick_findings as quick_findings
    from neocog.pictures.doctor.quick import too_many_bad as too_many_bad

_HOME = {
    "Finding": "finding",
    "Report": "finding",
    "KINDS": "finding",
    "quick_findings": "quick",
    "too_many_bad": "quick",
    "check": "checking",
    "quarantine": "moving",
    "undo": "moving",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
