"""What a dead letter is: the record as it came (key, headers, value), and headers that say why."""

MARKS = {
    "dlq_reason": "Why it could not be handled: a code for machines.",
    "dlq_detail": "The same in words, without personal values; at most 1,000 characters.",
    "dlq_topic": "The topic that it was read from, and to which a replay writes it.",
    "dlq_partition": "The partition that it was read from.",
    "dlq_offset": "Its offset there.",
    "dlq_attempts": "How often it was tried.",
    "dlq_service": "The service that put it aside.",
    "dlq_first_seen": "When the record was written (RFC 3339); kept if a replay fails again.",
}
"""The headers that every dead letter has beside the original's, each text in UTF-8."""

CUT = "dlq_cut"
CUT_MEANING = (
    "Which of key, headers and value are not whole, because no topic could take them; "
    "without this header the letter is the original byte for byte."
)

SEALED = "dlq_sealed"
SEALED_MEANING = (
    "1 where the original may hold personal data in clear, as at the edge: it has no key, of the "
    "original's headers only ce_id, ce_source, ce_type and ce_time, and its value is the original "
    "(key, headers, value) sealed under the key file."
)

IF_NEED_BE = {CUT: CUT_MEANING, SEALED: SEALED_MEANING}
"""The headers that some have."""

REPLAYED = "dlq_replayed"
"""The one header of a mark among the letters: the offset of the letter that was replayed."""
