"""What holds of a bucket of S3 holds of one of Google's: the same tests, with its interface in place of the other."""

from __future__ import annotations

import pytest

from tests.kc_schema.store.test_lease import (  # noqa: F401
    folder,
    test_a_file_that_is_no_lock_is_watched_too,
    test_a_lost_lock_ends_every_change,
    test_a_place_is_locked_committed_and_left,
    test_a_place_that_is_given_back_meanwhile_is_taken,
    test_answers_that_are_lost_lose_no_lock,
    test_one_of_many_takes_over,
    test_the_place_of_a_killed_process_is_taken_over,
    test_who_gives_signs_of_life_keeps_the_place,
    test_who_was_stopped_for_long_commits_nothing,
)
from tests.kc_schema.store.test_objects import (  # noqa: F401
    test_a_file_read_here_and_there_is_fetched_whole_in_the_end,
    test_a_forked_process_says_so_instead_of_standing_still,
    test_a_kept_piece_is_not_fetched_again,
    test_a_killed_process_leaves_nothing_and_its_temporary_file_goes,
    test_a_large_file_is_uploaded_in_parts_and_appears_whole,
    test_a_link_leads_to_a_folder_and_to_the_next_one,
    test_a_switch_whose_answer_is_lost_is_done,
    test_an_object_that_is_replaced_while_it_is_read_is_noticed,
    test_errors_survive_the_way_between_processes,
    test_faults_that_pass_are_waited_for,
    test_libraries_that_need_a_file_get_a_local_copy,
    test_of_two_that_switch_a_link_at_once_one_is_refused,
    test_patterns_find_objects,
    test_ranges_are_those_of_the_file,
    test_raw_files_are_files_of_python,
    test_records_and_steps_are_kept,
    test_row_groups_are_fetched_by_ranges,
    test_text_is_read_and_written_as_here,
    test_the_same_operations_give_the_same_tree,
    test_what_does_not_pass_is_one_line_without_secrets,
    test_what_ends_with_an_error_is_not_written,
    test_what_is_no_link_is_a_file_of_that_name,
    test_what_object_storage_does_not_know_is_refused_in_one_line,
    test_what_was_written_here_is_described_with_one_request,
    there,
)
from tests.services.object_storage import ObjectStorage


@pytest.fixture
def object_storage(google_storage: ObjectStorage) -> ObjectStorage:
    """The bucket of these tests."""
    return google_storage
