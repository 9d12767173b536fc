"""Mistakes: everything that can be wrong with a policy file, each with its place and its remedy."""

from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override


class Code(StrEnum):
    """What kind of mistake it is; stable, and explained in ``docs/policies.md``."""

    MISSING_FILE = "missing_file"
    UNKNOWN_FILE = "unknown_file"
    NOT_TEXT = "not_text"
    SYNTAX = "syntax"
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NAMED_TWICE = "named_twice"

    REUSED_NUMBER = "reused_number"
    REUSED_NAME = "reused_name"
    NOT_RETIRED = "not_retired"
    TIER_FORGOTTEN = "tier_forgotten"
    UNKNOWN_GROUP = "unknown_group"
    UNKNOWN_WORD = "unknown_word"
    UNKNOWN_RETENTION = "unknown_retention"
    TREATMENT_MISFIT = "treatment_misfit"
    LOW_CARDINALITY = "low_cardinality"
    SUFFIX_MISFIT = "suffix_misfit"
    UNIQUE_MISFIT = "unique_misfit"
    NORMALISER_MISFIT = "normaliser_misfit"
    CHANNEL_MISFIT = "channel_misfit"
    CODES_MISFIT = "codes_misfit"

    UNKNOWN_PURPOSE = "unknown_purpose"
    UNKNOWN_REQUIREMENT = "unknown_requirement"
    PURPOSE_WITHOUT_NOTICE = "purpose_without_notice"
    NOTICE_CHANGED = "notice_changed"
    BAD_CHECK_DIGIT = "bad_check_digit"

    ROLE_WITHOUT_PURPOSE = "role_without_purpose"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_VERB = "unknown_verb"
    ABOVE_CLEARANCE = "above_clearance"
    NO_INDEX = "no_index"
    IDLE_VERB = "idle_verb"
    GOVERNS_AND_READS = "governs_and_reads"
    UNKNOWN_APPROVAL = "unknown_approval"
    BOTH_SIDES = "both_sides"
    FEED_MISFIT = "feed_misfit"
    SIGNAL_MISFIT = "signal_misfit"

    CEDAR_SYNTAX = "cedar_syntax"
    CEDAR_INVALID = "cedar_invalid"
    CEDAR_SCHEMA = "cedar_schema"
    RULE_WITHOUT_ID = "rule_without_id"
    RULE_WITHOUT_ADVICE = "rule_without_advice"
    REUSED_RULE_ID = "reused_rule_id"
    UNKNOWN_ENTITY = "unknown_entity"

    FAILING_TEST = "failing_test"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake; ``remedy`` is a whole sentence that says what to do."""

    file: str
    line: int
    code: Code
    remedy: str

    @override
    def __str__(self) -> str:
        """Write it the way compilers do, so that editors jump to the line."""
        return f"{self.file}:{self.line}: {self.code}: {self.remedy}"
