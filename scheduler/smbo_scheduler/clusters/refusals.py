"""Why a batch system did not take a job: its own refusal of the request, or an outage that passes.

A request that asks for what does not exist (a partition, an account, an option) is refused in the same way
for ever.  A controller that is away or busy, a limit on the number of jobs and credentials that have ended
are no fault of the request: it is made again.
"""

from __future__ import annotations

import re
from enum import StrEnum

from smbo_scheduler.errors import ClusterError


class RefusalKind(StrEnum):
    """What may come of the same request made again."""

    FINAL = "final"  # the same answer
    PASSING = "passing"  # another answer, as soon as an outage or a limit has passed
    CREDENTIALS = "credentials"  # another answer, once the user has renewed them
    UNKNOWN = "unknown"


class Refused(ClusterError):
    """A job that was not submitted; ``kind`` tells whether the request may be made again."""

    def __init__(self, text: str, kind: RefusalKind) -> None:
        super().__init__(text)
        self.kind = kind


# each of these is tried in its turn: the first that matches decides
_CREDENTIALS = r"""
    kerberos | krb5 | gssapi | \bGSS\b | aklog | voms | x509 | AUTHENTICATE: | key\ has\ expired
    | (ticket|token|proxy|credentials?)\b .{0,20} (expired|not\ found|cannot)
    | (no|expired|invalid)\ (\w+\ )?(ticket|proxy|credentials?)\b
"""
_SIZE_OF_THE_JOB = r"""
    (Max|Min)(Wall|Cpu|Node|Mem|TRES|GRES|Time)\w* | time\ limit\ is\ invalid | requested\ time\ limit
"""
_PASSING = r"""
    # the controller or the network to it
    (unable\ to|failed\ to|cannot|error)\ contact | contact(ing)?\ (failure|slurm) | timed?[ -]?out
    | did\ not\ answer | communication | commlib | protocol\ (auth|error)
    | broken\ pipe
    | connect(ion)?\ (refused|reset|failure|error|closed)
    | (can(no|')t|could\ not|unable\ to|failed\ to)\ (connect|send|fetch|locate)
    | can't\ find\ address | unable\ to\ (send|get|receive) | unexpected\ message | zero\ bytes
    | premature\ end | end\ of\ file
    | no\ route\ to\ host | network\ is | host\ is\ (down|unreachable) | bad\ host\ name\ or\ address
    | not\ respond
    | temporar | try\ (again|later) | retr(y|ies|ying) | \bbusy\b | standby | backup\ mode | is\ down\b
    | shut(ting)?\ ?down | maintenance
    | mbatchd | \bLIM\b | (to|from)\ qmaster | gdi\ request | database\ (is\ )?(down|connection|not\ resp)
    | cannot\ allocate\ memory | no\ space\ left | stale\ file | input/output\ error
    # a queue that takes no jobs at present
    | (queue|partition)\ (\S+\ )?(is\ )?(not\ (enabled|available|active|open)|inactive|closed|disabled)
    | not\ accepting
    | currently\ (disabled|unavailable)
    # how many jobs there may be
    | MaxSubmit | MaxJobs | MAX_JOBS | max(imum)?\ ([\w']+\ ){0,4}(jobs|submi\w+)
    | (submit|job)s?\ limit | job\ threshold | per-user\ limit
    | would\ exceed | too\ many\ (jobs|submi|pending|queued) | number\ of\ (\w+\ )?jobs
    | jobs\ are\ allowed | more\ than\ \d+\ .{0,20}jobs
"""
_FINAL = r"""
    invalid | unrecogni[sz]ed | unknown | illegal | no\ such | \bbad\b | unauthori[sz]ed
    | no\ permission | denied
    | not\ (permitted|authori[sz]ed|allowed|defined|found|valid|a\ member|available) | does\ not\ exist
    | no\ suitable | not\ enough\ resources
    | can\ ?not\ (be\ satisfied|exceed|be\ run|open) | never\ run | more\ processors
    | too\ many\ processors | exceeds? | hard\ limit | violates
    | missing | \bmust\b | required | unable\ to\ open | pars(e|ing) | syntax | on\ line\ \d+\ of
    | job\ rejected
"""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.VERBOSE | re.IGNORECASE)


_PATTERNS = (
    (re.compile("munge", re.IGNORECASE), RefusalKind.PASSING),
    (_pattern(_CREDENTIALS), RefusalKind.CREDENTIALS),
    (_pattern(_SIZE_OF_THE_JOB), RefusalKind.FINAL),
    (_pattern(_PASSING), RefusalKind.PASSING),
    (_pattern(_FINAL), RefusalKind.FINAL),
)


def refusal_kind(text: str) -> RefusalKind:
    """Return what a submit command's message means for the same request made again."""
    return next((kind for words, kind in _PATTERNS if words.search(text)), RefusalKind.UNKNOWN)
