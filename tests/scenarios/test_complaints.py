"""What users of such tools complain of most, in their order, and the scenarios that keep it from happening here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPLAINTS = {
    "1 first sync creates duplicates and fires automations": [
        "test_first_run_stops_at_101_new_records_and_says_how_to_let_it_pass",
        "test_two_new_records_of_one_person_in_two_systems_meet_at_one_entity",
    ],
    "2 an ambiguous match is decided by luck": [
        "test_two_candidates_for_one_person_wait_in_a_queue_and_nothing_is_written"
    ],
    "3 '0 errors' but records are missing": ["test_figures_are_what_the_systems_have_seen"],
    "4 a changed e-mail makes a second person": ["test_a_changed_address_keeps_one_person"],
    "5 deletes are not seen or not passed on": [
        "test_a_delete_is_passed_on_where_the_policy_says_so",
        "test_a_system_that_hides_its_deletes_is_swept_when_it_has_fewer_records_than_we_know",
    ],
    "6 merges break links for ever": [
        "test_a_vendor_merge_makes_one_person_of_two_and_the_survivor_keeps_its_id",
        "test_merging_both_systems_ends_in_one_record_each_and_no_ghost",
    ],
    "7 ghost links stop later syncs": ["test_a_record_that_is_gone_when_it_is_written_is_no_refusal_for_ever"],
    "8 infinite loops": [
        "test_no_two_rules_rewrite_each_other_for_ever",
        "test_a_system_that_formats_phones_itself_starts_no_loop",
    ],
    "10 mapping edits are not applied to history": [
        "test_a_newly_mapped_field_is_adopted_by_the_people_who_are_there_already",
        "test_a_changed_value_table_is_applied_to_people_who_are_there_already",
        "test_a_changed_rule_is_applied_to_people_who_are_there_already",
    ],
    "11 lost edits": [
        "test_the_owners_value_stands_whenever_it_arrives",
        "test_newest_two_edits_since_one_observation_cannot_be_ordered",
    ],
    "12 late or equal-time changes are missed": [
        "test_ten_thousand_and_one_rows_at_one_second_are_all_read_once",
        "test_a_row_that_turns_up_behind_the_cursor_is_read_by_the_overlap",
    ],
    "14 picklists, validation rules, locks": [
        "test_an_unknown_pick_list_word_is_quarantined_and_the_rest_of_the_record_goes_on",
        "test_a_create_waits_for_its_required_fields_and_names_them",
    ],
    "16 retries for ever, or stopping in silence": [
        "test_a_refused_record_is_not_sent_again_until_something_is_different"
    ],
    "17 a failure throws hours away": [
        "test_a_system_that_fails_on_its_second_page_keeps_the_first_and_goes_on_from_there",
        "test_a_failure_between_two_batches_keeps_what_was_written_and_the_rest_follows",
    ],
    "18 state moves though data did not land": ["test_a_run_killed_at_any_point_is_finished_by_the_next_one"],
    "19 partial batch failure is hidden": ["test_a_mixed_batch_gives_each_record_its_own_state"],
    "21 lifecycle cannot go back": [
        "test_recycled_is_shown_as_lead_and_stays_recycled",
        "test_an_illegal_move_is_put_back_and_said",
    ],
    "22 opt-outs are not carried": [
        "test_a_an_opt_out_is_taken_from_any_side_on_a_bare_flag",
        "test_f_an_opt_out_reaches_those_within_reach_and_the_rest_later",
    ],
}


def _scenarios() -> set[str]:
    names = set()
    for path in HERE.glob("test_*.py"):
        names |= {n.name for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)}
    return names


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_complaint_is_met_by_scenarios(complaint: str) -> None:
    assert set(COMPLAINTS[complaint]) <= _scenarios()
