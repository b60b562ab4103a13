//! Each mechanism off, one at a time: the test that is about it must fall, and for the reason that it was written for.
//!
//! With everything on, the same tests run under their own names. A switch counts for one thread, so scenarios run on runtimes of one thread.

use std::panic::catch_unwind;
use std::sync::mpsc;
use std::time::Duration;

use super::{acknowledged, dead_letters, fencing, guards, losses, outages, processors, reads, repetitions, saving};
use crate::mechanism::Mechanism::{self, *};
use crate::mechanism::{switch_off, unused};

/// What is switched off, which test is run, and what must come of it.
pub(super) struct Trial {
    pub(super) name: &'static str,
    pub(super) off: &'static [Mechanism],
    pub(super) test: &'static str,
    pub(super) outcome: Expected,
}

pub(super) enum Expected {
    /// It falls, and its panic says this. The page says the other.
    Falls(&'static str, &'static str),
    /// It holds, because something else does the same.
    Holds(&'static str),
}

macro_rules! trials {
    ($($name:ident: [$($off:ident),+] $module:ident::$test:ident $how:ident($($text:literal),+),)+) => {
        pub(super) const TRIALS: &[Trial] = &[$(
            Trial { name: stringify!($name), off: &[$($off),+], test: stringify!($test), outcome: Expected::$how($($text),+) },
        )+];
        $(#[test] fn $name() { run(stringify!($name), $module::$test); })+
    };
}

fn run(name: &str, test: fn()) {
    let trial = TRIALS.iter().find(|trial| trial.name == name).unwrap();
    let off = trial.off;
    let (done, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        switch_off(off);
        let fell = catch_unwind(test).err().map(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default()
        });
        done.send((fell, unused())).unwrap();
    });
    let (fell, unused) = outcome.recv_timeout(Duration::from_mins(1)).expect("it neither holds nor falls");
    assert!(unused.is_empty(), "{unused:?} is connected to nothing in {}", trial.test);
    match (&trial.outcome, fell) {
        (Expected::Falls(says, _), Some(fell)) => {
            assert!(fell.contains(says), "{} fell without {off:?}, but for another reason: {fell}", trial.test);
        }
        (Expected::Falls(..), None) => panic!("{} holds without {off:?}: it proves nothing about it", trial.test),
        (Expected::Holds(_), None) => {}
        (Expected::Holds(by), Some(fell)) => panic!("{} should hold without {off:?}, by {by}: {fell}", trial.test),
    }
}

trials! {
    // An acknowledged write is never lost.
    without_an_append_only_file: [AppendOnlyFile] losses::a_killed_redis_has_every_acknowledged_write_when_it_comes_back
        Falls("acknowledged and lost", "a killed Redis comes back empty"),
    without_the_right_eviction_policy: [EvictionPolicy] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("a full Redis", "a full Redis evicts unsaved rows, and the numbers of the log"),
    without_unsaved_rows_being_kept: [NoExpiryWhileUnsaved] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("makes room for more", "a full Redis evicts unsaved rows, and after two hours they expire"),
    without_all_checks_before_the_first_change: [ChecksBeforeChanges] repetitions::an_operation_of_which_one_row_is_refused_leaves_no_trace
        Falls("half of the operation was written", "a refused operation is written in part"),
    with_the_watermark_in_a_transaction_of_its_own: [WatermarkInSameTransaction] fencing::a_batch_that_fails_half_way_is_saved_by_the_next_processor
        Holds("`LeftoversAreSavedAgain`"),
    with_neither_the_watermark_nor_the_leftovers_being_safe: [WatermarkInSameTransaction, LeftoversAreSavedAgain] fencing::a_batch_that_fails_half_way_is_saved_by_the_next_processor
        Falls("acknowledged and lost", "a crash between watermark and rows loses the batch"),
    without_saving_leftovers_again: [LeftoversAreSavedAgain] outages::numbers_that_a_restored_redis_hands_out_again_are_not_taken_for_saved_ones
        Falls("acknowledged and lost", "new writes under old numbers count as saved, and are not"),
    without_settling_leftovers: [LeftoversAreSettled] fencing::what_was_committed_but_not_settled_is_settled_by_the_next_processor
        Falls("never let go of", "what a dead predecessor saved fills Redis for ever"),
    without_looking_before_settling: [SettleChecksSequence] fencing::a_row_that_was_written_again_before_it_was_settled_stays_unsaved
        Falls("let go of", "a newer, unsaved version leaves the lists and may be evicted"),
    with_fills_that_overwrite: [FillNeverOverwrites] reads::a_stale_read_never_takes_the_place_of_an_unsaved_write
        Falls("went back behind an acknowledged write", "a slow reader replaces an acknowledged write by the version before"),
    without_the_layout_check: [LayoutCheck] losses::a_redis_that_was_emptied_is_noticed_even_when_new_writes_have_caught_up
        Falls("nobody says so", "an emptied Redis is taken for the old one, and what it lost is never mentioned"),
    without_the_layout_check_of_held_leases: [LayoutCheckOfHeldLeases] losses::a_redis_that_was_emptied_is_noticed_by_a_processor_that_holds_the_lease
        Falls("nobody says so", "a running processor misses that Redis was emptied"),
    without_comparing_the_counter_with_the_watermark: [BehindWatermarkCheck] losses::a_halted_partition_stands_still_until_an_operator_lets_it_go_on
        Falls("nobody says so", "a Redis that was restored from an older copy is taken for the present one"),
    without_the_check_for_gaps: [GapCheck] losses::a_gap_in_the_log_halts_the_partition_and_what_is_left_can_be_saved
        Falls("passed over", "a missing entry is skipped, its row never saved"),
    without_the_check_that_an_entry_is_a_pointer: [PointerCheck] losses::an_entry_that_is_no_pointer_halts_the_partition
        Falls("nobody says so", "a damaged entry is skipped, its row never saved"),
    without_the_check_for_the_logs_end: [LogEndCheck] losses::a_log_that_lost_its_end_halts_the_partition_and_what_is_left_can_be_saved
        Falls("nobody says so", "a log that lost its end is noticed only at the next write"),
    without_halts_that_last: [HaltedStaysHalted] losses::a_halted_partition_stands_still_until_an_operator_lets_it_go_on
        Falls("goes on by itself", "once the numbers have caught up, a loss is passed over"),
    without_burying_what_is_gone: [GoneValuesAreBuried] dead_letters::a_value_that_was_damaged_or_deleted_is_reported_and_blocks_nothing
        Falls("nobody says so", "a value that somebody deleted is dropped without a word"),
    without_burying_what_is_older: [OlderValuesAreBuried] losses::a_value_that_was_put_back_from_postgresql_does_not_pass_for_what_was_acknowledged
        Falls("nobody says so", "an older value passes for the acknowledged one"),
    without_burying_what_can_not_be_read: [UnreadableValuesAreBuried] dead_letters::a_value_that_was_damaged_or_deleted_is_reported_and_blocks_nothing
        Falls("nobody says so", "a damaged value is dropped without a word"),
    without_burying_what_nobody_knows: [UnknownEntitiesAreBuried] saving::a_row_that_no_handler_of_this_release_knows_becomes_a_dead_letter
        Falls("without a word", "after a rollback, the later release's rows are dropped"),
    without_noticing_clashes: [ClashesAreNoticed] dead_letters::an_id_that_is_taken_by_a_different_row_is_put_aside_and_overwrites_nothing
        Falls("without a word", "of two rows with one id the second vanishes"),
    without_waiting_for_replicas: [ReplicasConfirm] repetitions::a_write_and_its_repetition_count_only_when_a_replica_has_them
        Falls("acknowledged with no copy", "a write counts before a replica has it"),
    without_waiting_for_replicas_at_a_repetition: [ReplicasConfirmRepetitions] repetitions::a_write_and_its_repetition_count_only_when_a_replica_has_them
        Falls("at the second try with no copy", "a retry is told that a write counts which no replica has"),

    // Read your writes.
    without_asking_redis_first: [ReadsAskRedis] acknowledged::a_write_is_seen_by_point_read_and_list_before_any_drain_and_is_the_same_after_it
        Falls("is not found", "an acknowledged row is not found until it is saved"),
    without_lists_of_unsaved_rows: [UnsavedLists] acknowledged::a_write_is_seen_by_point_read_and_list_before_any_drain_and_is_the_same_after_it
        Falls("a list lacks", "lists lack acknowledged rows until they are saved"),
    without_merging_unsaved_rows: [ListsMergeUnsaved] acknowledged::a_write_is_seen_by_point_read_and_list_before_any_drain_and_is_the_same_after_it
        Falls("a list lacks", "lists lack acknowledged rows until they are saved"),
    with_saved_rows_read_first: [UnsavedReadFirst] reads::a_row_that_is_saved_while_a_list_is_read_stands_in_it
        Falls("missing from a list", "a row that is saved at that moment is in neither half of a list"),
    without_preferring_the_newer_version: [MergeKeepsTheNewer] reads::a_list_shows_the_unsaved_version_of_a_saved_row_and_shows_it_once
        Falls("an older version", "lists show the saved version of a changed row"),
    without_guarding_the_cache: [FillGuard] acknowledged::a_stale_read_of_postgresql_never_fills_the_cache_over_a_newer_write
        Falls("behind a saved write", "a slow reader caches an old version for two hours"),
    without_single_flights: [SingleFlight] acknowledged::a_thousand_readers_of_an_uncached_row_make_one_query
        Falls("stampede", "a popular row that expires brings a thousand queries"),
    without_looking_at_the_school: [SchoolCheckOnRead] acknowledged::another_school_finds_nothing_even_in_the_same_partition
        Falls("another school's row", "who knows an id reads another school's row"),
    without_comparing_what_a_write_relies_on: [GuardOnWrite] guards::a_write_that_relies_on_what_has_changed_writes_nothing_and_says_so
        Falls("WriteError::Outdated", "a write is decided on what a pod remembers and is no longer true"),
    without_comparing_what_a_read_relies_on: [GuardOnRead] guards::a_read_that_relies_on_what_has_changed_shows_nothing
        Falls("ReadError::Outdated", "a read shows what a pod remembers to be allowed and is no longer"),
    with_memory_trusted_on_the_detour: [GuardOnDetour] guards::without_redis_nobody_vouches_for_what_was_remembered_and_the_repetition_is_the_same_row
        Falls("WriteError::Outdated", "while Redis is away, writes are decided on what a pod remembers"),
    without_waiting_for_what_was_acknowledged: [ReportsWait] acknowledged::a_report_waits_until_postgresql_has_the_schools_writes
        Falls("a report would lack", "a report lacks the last writes"),

    // Order.
    without_closing_batches: [ClosedBatches] processors::a_batch_never_holds_a_newer_row_without_what_it_points_at
        Falls("without what it points at", "a child is saved before its parent, and becomes a dead letter"),
    without_order_within_a_batch: [OrderWithinBatch] saving::a_batch_is_saved_in_the_order_of_acknowledgement
        Falls("another order", "rows of one batch are saved in any order"),

    // Idempotent.
    without_idempotency_keys: [IdempotencyKeys] acknowledged::a_repeated_request_gets_its_first_answer_and_writes_nothing
        Falls("the first answer was forgotten", "a retry is written again once the row has left Redis"),
    without_fingerprints: [KeyFingerprint] acknowledged::a_repeated_request_gets_its_first_answer_and_writes_nothing
        Falls("another request was given this one's answer", "a different request gets another one's answer"),
    without_yesterdays_answers: [AnswersOfYesterday] repetitions::an_answer_of_yesterday_is_given_again
        Falls("yesterday's answer was forgotten", "a retry after midnight is written again"),
    without_operation_tags: [OperationTag] repetitions::a_command_whose_answer_was_lost_is_sent_again_and_finds_its_own_write
        Falls("its own write was taken for another's", "a client is told of a conflict with itself"),
    without_the_check_for_existing_rows: [ExistsCheck] repetitions::a_row_that_exists_is_never_created_over
        Holds("`VersionCheck`"),
    without_any_check_of_an_existing_row: [ExistsCheck, VersionCheck] repetitions::a_row_that_exists_is_never_created_over
        Falls("the first was overwritten", "a create overwrites a row"),
    without_the_version_check: [VersionCheck] acknowledged::of_two_changes_to_one_version_one_wins_and_the_other_is_told
        Falls("overwrite each other", "of fifty acknowledged changes forty-nine are lost"),
    without_the_check_for_evicted_rows: [EvictionCheck] repetitions::a_change_of_a_row_that_left_redis_is_not_taken_on_trust
        Falls("without a look at the version", "a change of an old version is acknowledged, and becomes a dead letter"),
    without_doubting_an_absence: [SettledCheckOfAbsence] acknowledged::a_row_that_left_redis_is_not_taken_for_a_free_key
        Falls("a key that is taken", "a second row of one natural key is acknowledged, and becomes a dead letter"),
    without_exclusive_leases: [LeaseExclusion] fencing::a_partition_that_another_processor_holds_is_left_alone
        Falls("a partition that is held", "processors take each other's partitions away and fence each other for ever"),
    without_epochs: [EpochFencing] fencing::a_processor_is_fenced_even_before_its_successor_has_saved_anything
        Falls("without holding the lease", "a stalled processor commits under its successor's hands"),
    without_epochs_after_the_successor_has_saved: [EpochFencing] fencing::a_processor_that_lost_its_lease_while_it_stalled_is_fenced_and_changes_nothing
        Holds("`WatermarkPosition`"),
    without_epochs_and_positions: [EpochFencing, WatermarkPosition] fencing::a_processor_that_lost_its_lease_while_it_stalled_is_fenced_and_changes_nothing
        Falls("no longer its own", "a stalled processor that wakes up moves the watermark back"),
    without_the_watermarks_position: [WatermarkPosition] fencing::a_batch_that_is_committed_late_can_not_take_the_watermark_back
        Falls("where the watermark is not", "a batch that is committed twice moves the watermark back, and the partition halts at a gap"),
    with_anybody_halting: [HaltOnlyByHolder] fencing::a_processor_that_wakes_up_before_a_trimmed_log_halts_nothing
        Falls("does not hold the lease", "a stalled processor that wakes up halts a healthy partition"),
    without_the_version_in_the_upsert: [VersionGuardOfUpsert] saving::a_letter_that_is_replayed_after_a_newer_version_was_saved_overwrites_nothing
        Falls("by an older one", "a replayed letter overwrites a newer version"),
    without_the_time_of_creation_in_the_upsert: [CreationGuardOfUpsert] repetitions::a_different_row_of_the_same_id_is_put_aside_in_whatever_version
        Falls("another's row was overwritten", "a later version of one row overwrites a different row of the same id"),
    without_recognising_twins: [TwinsAreRecognised] repetitions::a_write_that_went_both_ways_is_one_row
        Falls("taken for another", "a create that also took the detour becomes a dead letter"),
    without_remembering_the_buried: [BuriedStayBuried] fencing::a_record_that_was_buried_but_not_settled_is_buried_once
        Falls("several letters", "each crash makes another letter of the same record"),

    // Nothing blocks.
    without_bisection: [Bisection] dead_letters::a_poisoned_record_among_a_thousand_goes_to_the_dead_letters_and_the_rest_flow
        Falls("takes others along", "one bad record buries a thousand good ones"),
    with_constraints_that_wait: [ImmediateConstraints] saving::a_constraint_that_waits_for_the_commit_strikes_its_own_record_alone
        Falls("holds up all others", "a record that fails at the commit blocks its partition for ever"),
    without_trying_again_what_was_refused: [RefusedAreTriedAgain] processors::a_child_that_is_read_before_its_parent_is_tried_again_behind_it
        Falls("for being early", "when memory is short, children that are read before their parents become dead letters"),
    with_any_fault_counting: [OnlyRecordsFaults] saving::a_fault_that_is_no_records_own_buries_nothing
        Falls("a fault of the table", "a missing column or right buries every record"),
    without_parking_dead_rows: [ParkedRowsStayVisible] dead_letters::a_poisoned_record_among_a_thousand_goes_to_the_dead_letters_and_the_rest_flow
        Falls("out of sight", "an acknowledged row vanishes from lists, and from reads two hours later"),
    without_looking_before_forgetting: [ForgetChecksSequence] saving::a_letter_that_is_discarded_leaves_a_newer_unsaved_version_alone
        Falls("discarded with an older one", "discarding a letter deletes a newer version that is not saved yet"),
    without_keeping_a_letters_identity: [ReplayKeepsIdentity] dead_letters::a_corrected_payload_can_not_become_another_row_or_another_schools
        Falls("replayed as a row with another", "a correction with a wrong id writes to another row or school"),
    without_services_being_apart: [TroubleStaysInItsService] saving::trouble_with_one_services_log_does_not_hold_up_another_service
        Falls("homework waits for attendance", "one damaged log holds up all services"),

    // A store that is down.
    without_the_detour: [CreatesDetour] outages::with_redis_down_fresh_creates_and_reads_go_through_postgresql_and_changes_are_refused
        Falls("a fresh create needs no Redis", "without Redis nothing can be created"),
    with_everything_taking_the_detour: [DetourOnlyForFreshCreates] outages::with_redis_down_fresh_creates_and_reads_go_through_postgresql_and_changes_are_refused
        Falls("written over what Redis may know", "a change in PostgreSQL clashes with an unsaved one in Redis"),
    without_the_readers_detour: [ReadsDetour] outages::with_redis_down_fresh_creates_and_reads_go_through_postgresql_and_changes_are_refused
        Falls("a read needs no Redis", "without Redis nothing can be read"),
    without_thinking_of_unsaved_parents: [DetourKnowsUnsavedParents] outages::without_redis_a_child_of_an_unsaved_parent_has_to_wait
        Falls("the parent doesn't exist", "a client is told for good that a row doesn't exist which was acknowledged"),
    with_the_outbox_in_a_transaction_of_its_own: [OutboxInSameTransaction] outages::a_refused_write_in_write_through_mode_tells_no_event
        Falls("what never happened", "listeners are told of writes that were refused"),

    // Back-pressure.
    without_a_backlog_limit: [BacklogLimit] outages::past_the_backlog_limit_writers_wait_and_are_then_sent_away_and_nothing_is_dropped
        Falls("more is accepted", "the backlog grows until memory ends"),
    without_patience: [WritersWait] reads::a_writer_waits_for_room_and_gets_it
        Falls("room was coming", "writers are sent away at the first full moment"),
    without_refusing_when_full: [RefusalWhenFull] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("makes room for more", "Redis grows beyond its limit"),
    without_knowing_a_full_redis: [OutOfMemoryIsBusy] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("should say that it is busy", "a full Redis is answered as a fault, not with 503 and `Retry-After`"),
    without_settling_when_full: [AllowOomOnSettle] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("can't be emptied", "a full Redis stays full for ever"),
    without_naming_the_buffer_when_full: [AllowOomOnLayout] outages::when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved
        Falls("can't be emptied", "a full Redis stays full for ever"),
}
