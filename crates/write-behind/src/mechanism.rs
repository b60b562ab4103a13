//! The mechanisms that the guarantees rest on, each by its name, and a switch for each.
//!
//! A test that passes without the mechanism that it is about proves nothing. So `tests/it/mechanisms.rs` runs every scenario once more with its
//! mechanism switched off, and demands that it falls. Code asks [`on`]; a script or a statement goes through [`text`], which takes a passage out.
//!
//! The switches exist in this crate's own test build alone. Everywhere else [`on`] is the constant `true`, [`text`] returns what it was given, and
//! no feature, variable or call can change that.

macro_rules! mechanisms {
    ($(#[doc = $what:literal] $name:ident,)+) => {
        /// One thing that a guarantee would not hold without. `docs/guarantees.md` tells what happens when it is off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(not(test), expect(dead_code, reason = "those that live in a script or in a server's settings are only named by tests"))]
        pub(crate) enum Mechanism { $(#[doc = $what] $name,)+ }

        #[cfg(test)]
        impl Mechanism {
            /// Every one, and what it does.
            pub(crate) const ALL: &[(Self, &str)] = &[$((Self::$name, $what),)+];
        }
    };
}

mechanisms! {
    /// Redis keeps an append-only file and answers when it is written.
    AppendOnlyFile,
    /// Redis evicts only what has an expiry.
    EvictionPolicy,
    /// A value is written without expiry.
    NoExpiryWhileUnsaved,
    /// The write script looks at every row before it changes anything.
    ChecksBeforeChanges,
    /// The write script knows the answer that an idempotency key was given.
    IdempotencyKeys,
    /// The same key with another body is refused.
    KeyFingerprint,
    /// Yesterday's answers are asked too.
    AnswersOfYesterday,
    /// A value names the operation that wrote it, so that a command which is sent twice finds its own write.
    OperationTag,
    /// A row that exists is not created again.
    ExistsCheck,
    /// A row is only changed from the version that was seen.
    VersionCheck,
    /// A row that is not in Redis is not changed, because its version can't be checked.
    EvictionCheck,
    /// That a row was absent counts only while nothing was settled since.
    SettledCheckOfAbsence,
    /// The write script adds each row to its lists of unsaved rows.
    UnsavedLists,
    /// The write script refuses when the log is full.
    BacklogLimit,
    /// A writer that finds no room tries again for a while.
    WritersWait,
    /// The write script doesn't run when memory is full.
    RefusalWhenFull,
    /// A Redis that is out of memory is busy, not broken.
    OutOfMemoryIsBusy,
    /// A write counts when enough replicas have it.
    ReplicasConfirm,
    /// A repeated answer counts when enough replicas have the write, too.
    ReplicasConfirmRepetitions,
    /// What a write relies on is compared in the step that writes.
    GuardOnWrite,
    /// What a read relies on is compared in the step that reads.
    GuardOnRead,
    /// Without Redis, nobody vouches for what was remembered.
    GuardOnDetour,
    /// Without Redis, creates go to PostgreSQL.
    CreatesDetour,
    /// What can't be proved safe without Redis doesn't go to PostgreSQL.
    DetourOnlyForFreshCreates,
    /// A parent that PostgreSQL misses may be unsaved.
    DetourKnowsUnsavedParents,
    /// What is written through tells its events in the same transaction.
    OutboxInSameTransaction,
    /// A read asks Redis first.
    ReadsAskRedis,
    /// Without Redis, reads go to PostgreSQL.
    ReadsDetour,
    /// Lists merge unsaved rows in.
    ListsMergeUnsaved,
    /// Lists read the unsaved rows before the saved ones.
    UnsavedReadFirst,
    /// Of two versions of a row a list shows the newer.
    MergeKeepsTheNewer,
    /// What was read from PostgreSQL is cached only while nothing was settled since.
    FillGuard,
    /// What was read from PostgreSQL never takes the place of a value.
    FillNeverOverwrites,
    /// Readers that miss together make one query.
    SingleFlight,
    /// A value is shown to its own school.
    SchoolCheckOnRead,
    /// A report waits until PostgreSQL has what was acknowledged.
    ReportsWait,
    /// A partition that is leased is left alone.
    LeaseExclusion,
    /// The watermark moves only under the epoch that the lease was taken with.
    EpochFencing,
    /// The watermark moves only from where the batch begins.
    WatermarkPosition,
    /// The watermark commits with the rows.
    WatermarkInSameTransaction,
    /// A halted partition can't be leased.
    HaltedStaysHalted,
    /// Only the holder of the lease halts a partition.
    HaltOnlyByHolder,
    /// The watermark counts the writes of this buffer.
    LayoutCheck,
    /// A lease that is still held counts the writes of this buffer, too.
    LayoutCheckOfHeldLeases,
    /// Redis has counted at least as far as the watermark.
    BehindWatermarkCheck,
    /// The log goes on with the next number.
    GapCheck,
    /// A log entry is a pointer.
    PointerCheck,
    /// No value is newer than the log.
    LogEndCheck,
    /// A batch is read on until nothing in it is newer than its end.
    ClosedBatches,
    /// A batch is saved in the order of acknowledgement.
    OrderWithinBatch,
    /// Constraints are checked when a row is written.
    ImmediateConstraints,
    /// A newer version is not overwritten by an older one.
    VersionGuardOfUpsert,
    /// A row is not overwritten by a different row of the same id.
    CreationGuardOfUpsert,
    /// A row that PostgreSQL left alone is compared with the one that it has.
    ClashesAreNoticed,
    /// The same row with the same content is no clash.
    TwinsAreRecognised,
    /// A part with a bad record is halved.
    Bisection,
    /// A record that was refused for want of others is tried again behind them.
    RefusedAreTriedAgain,
    /// Only what is a record's own fault buries it.
    OnlyRecordsFaults,
    /// A value that is gone becomes a dead letter.
    GoneValuesAreBuried,
    /// A value that is older than its pointer becomes a dead letter.
    OlderValuesAreBuried,
    /// A value that can't be read becomes a dead letter.
    UnreadableValuesAreBuried,
    /// A row that no handler knows becomes a dead letter.
    UnknownEntitiesAreBuried,
    /// Entries up to the watermark are settled.
    LeftoversAreSettled,
    /// Entries up to the watermark are saved once more before they are settled.
    LeftoversAreSavedAgain,
    /// What is buried already is not buried again.
    BuriedStayBuried,
    /// Dead letters keep their value in Redis.
    ParkedRowsStayVisible,
    /// A row that was written again is not settled.
    SettleChecksSequence,
    /// Settling runs when memory is full.
    AllowOomOnSettle,
    /// Naming the buffer runs when memory is full, too.
    AllowOomOnLayout,
    /// A row that was written again is not taken away with its dead letter.
    ForgetChecksSequence,
    /// A corrected payload stays the same row of the same school.
    ReplayKeepsIdentity,
    /// Trouble with one service's partitions does not hold up another service.
    TroubleStaysInItsService,
}

#[cfg(not(test))]
pub(crate) const fn on(_: Mechanism) -> bool {
    true
}

#[cfg(not(test))]
pub(crate) const fn text(text: &'static str) -> &'static str {
    text
}

#[cfg(test)]
pub(crate) use switches::{PASSAGES, on, switch_off, text, unused};

#[cfg(test)]
mod switches {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::Mechanism;
    use super::Mechanism::{
        AllowOomOnLayout, AllowOomOnSettle, AnswersOfYesterday, BacklogLimit, ChecksBeforeChanges, CreationGuardOfUpsert, EpochFencing,
        EvictionCheck, ExistsCheck, FillGuard, FillNeverOverwrites, ForgetChecksSequence, GuardOnWrite, HaltOnlyByHolder,
        HaltedStaysHalted, IdempotencyKeys, KeyFingerprint, LeaseExclusion, NoExpiryWhileUnsaved, OperationTag, RefusalWhenFull,
        SettleChecksSequence, SettledCheckOfAbsence, UnsavedLists, VersionCheck, VersionGuardOfUpsert, WatermarkPosition,
    };

    thread_local! {
        /// What is off on this thread, and whether anybody asked for it. A test's runtime has one thread, so that tests that run side by side in one
        /// process don't disturb each other.
        static OFF: RefCell<HashMap<Mechanism, bool>> = RefCell::default();
    }

    /// Switches `mechanisms` off for everything that runs on this thread from now on.
    pub(crate) fn switch_off(mechanisms: &[Mechanism]) {
        OFF.with_borrow_mut(|off| off.extend(mechanisms.iter().map(|mechanism| (*mechanism, false))));
    }

    /// Those that were switched off and that nothing on this thread asked for: a switch that is connected to nothing.
    pub(crate) fn unused() -> Vec<Mechanism> {
        OFF.with_borrow(|off| off.iter().filter(|(_, asked)| !**asked).map(|(mechanism, _)| *mechanism).collect())
    }

    pub(crate) fn on(mechanism: Mechanism) -> bool {
        OFF.with_borrow_mut(|off| off.get_mut(&mechanism).map(|asked| *asked = true)).is_none()
    }

    /// A script or statement without the passages of what is off.
    pub(crate) fn text(text: &'static str) -> &'static str {
        let mut changed = text.to_owned();
        for (mechanism, passage, instead) in PASSAGES {
            if text.contains(passage) && !on(*mechanism) {
                changed = changed.replacen(passage, instead, 1);
            }
        }
        if changed == text { text } else { changed.leak() }
    }

    /// Which passage of a script or statement a mechanism is, and what stands there without it. Each stands in one text once.
    pub(crate) const PASSAGES: &[(Mechanism, &str, &str)] = &[
        // WRITE
        (RefusalWhenFull, "#!lua\nlocal operation", "#!lua flags=allow-oom\nlocal operation"),
        (GuardOnWrite, "if guard ~= '' and (redis.call('GET', KEYS[#KEYS]) or '0') ~= guard then return {'OUTDATED'} end", ""),
        (IdempotencyKeys, "return {'REPLAY', string.sub(known, 9)}", ""),
        (KeyFingerprint, "if string.sub(known, 1, 8) ~= fingerprint then return {'REUSED'} end", ""),
        (AnswersOfYesterday, " or redis.call('HGET', KEYS[5] .. (day - 1), idempotency)", ""),
        (
            OperationTag,
            "if string.sub(current, 15, 22) == operation and version == tonumber(ARGV[a + 4]) then return {'REPLAY', answer} end",
            "",
        ),
        (ExistsCheck, "if expected == 0 then return {'EXISTS', row} end", ""),
        (VersionCheck, "if version ~= expected then return {'CONFLICT', row, version} end", ""),
        (EvictionCheck, "return {'MISSING', row}", ""),
        (SettledCheckOfAbsence, "return {'RETRY'}", ""),
        (
            ChecksBeforeChanges,
            "k = k + 1 + tonumber(ARGV[a + 8])",
            "redis.call('SET', KEYS[k + 1], ARGV[a + 5] .. struct.pack('>I8', 0) .. ARGV[a + 6])
  k = k + 1 + tonumber(ARGV[a + 8])",
        ),
        (BacklogLimit, "if backlog >= tonumber(ARGV[5]) then return {'BUSY', backlog} end", ""),
        (
            NoExpiryWhileUnsaved,
            "struct.pack('>I8', sequence) .. ARGV[a + 6])",
            "struct.pack('>I8', sequence) .. ARGV[a + 6], 'PX', 7200000)",
        ),
        (UnsavedLists, "for list = 1, lists do redis.call('SADD', KEYS[k + 1 + list], ARGV[a + 2]) end", ""),
        // FILL
        (FillGuard, "if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 'RETRY' end", ""),
        (FillNeverOverwrites, "ARGV[2], 'NX', 'PX', ARGV[3]", "ARGV[2], 'PX', ARGV[3]"),
        // SETTLE, LAYOUT, FORGET
        (AllowOomOnSettle, "#!lua flags=allow-oom\nlocal watermark", "#!lua\nlocal watermark"),
        (SettleChecksSequence, "if sequence <= watermark then", "if sequence >= 0 then"),
        (
            AllowOomOnLayout,
            "#!lua flags=allow-oom\nredis.call('SET', KEYS[1], ARGV[1], 'NX')",
            "#!lua\nredis.call('SET', KEYS[1], ARGV[1], 'NX')",
        ),
        (ForgetChecksSequence, "if #current == 8 and struct.unpack('>I8', current) > tonumber(ARGV[1]) then return 0 end", ""),
        // The lease's statements
        (LeaseExclusion, "(holder = $3 OR lease_until IS NULL OR lease_until < now())", "$3::text IS NOT NULL"),
        (HaltedStaysHalted, " AND halted IS NULL", ""),
        (HaltOnlyByHolder, "AND epoch = $4", "AND $4::bigint IS NOT NULL"),
        // The watermark's
        (EpochFencing, "AND w.epoch = u.epoch", ""),
        (WatermarkPosition, "AND w.seq = u.old_seq", ""),
        (HaltedStaysHalted, " AND w.halted IS NULL", ""),
        // The tests' own entity's
        (VersionGuardOfUpsert, "notes.version < excluded.version", "true"),
        (CreationGuardOfUpsert, "notes.created_at = excluded.created_at", "true"),
    ];
}
