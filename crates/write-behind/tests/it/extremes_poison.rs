//! Records that can't be saved, among a great many that can.

use store::Identity;
use testkit::{PostgresServer, RedisServer, TestDatabase};
use uuid::Uuid;
use write_behind::{BufferSettings, Operation, ProcessorSettings};

use crate::note::Note;
use crate::stage::{Stage, drains};

/// A stage on a server that counts statements.
async fn counting() -> (Stage, PostgresServer) {
    let server = PostgresServer::start_with(&["shared_preload_libraries=pg_stat_statements"]).await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Stage::with(database, RedisServer::start().await, BufferSettings::default()).await;
    stage.execute("CREATE EXTENSION pg_stat_statements").await;
    (stage, server)
}

/// Statements since the last reset: those that write rows, and all.
async fn statements(stage: &Stage) -> (i64, i64) {
    let writes = stage
        .count(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
             WHERE r.rolname = 'schools24_batch' AND query ~* '^\\s*(insert|update|delete|with)'",
        )
        .await;
    let all = stage
        .count(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
             WHERE r.rolname = 'schools24_batch'",
        )
        .await;
    (writes, all)
}

async fn write(stage: &Stage, notes: &[Note]) {
    for part in notes.chunks(500) {
        let operation = part.iter().fold(Operation::new(stage.school, domain::ServiceName::Homework), Operation::create);
        stage.buffer.write(&stage.postgres, operation).await.unwrap();
    }
}

fn settings() -> ProcessorSettings {
    ProcessorSettings { batch_size: 1_000, ..Stage::settings() }
}

#[tokio::test]
async fn a_poisoned_record_in_the_middle_of_ten_thousand_is_dead_alone_and_costs_few_statements() {
    let (stage, _server) = counting().await;
    let text = |n: usize| if n == 5_500 { "poison".to_owned() } else { n.to_string() };
    let notes: Vec<Note> = (0..10_000).map(|n| Note::new(stage.school, &text(n))).collect();
    write(&stage, &notes).await;
    stage.execute("SELECT pg_stat_statements_reset()").await;
    let summary = stage.processor_with(settings()).run_once().await.unwrap();
    let (writes, all) = statements(&stage).await;
    println!("{writes} write statements, {all} in all");
    assert_eq!((summary.saved, summary.dead, summary.entries), (9_999, 1, 10_000));
    let saved: Vec<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).collect();
    let expected: Vec<Uuid> = notes.iter().filter(|note| note.text != "poison").map(|note| note.id).collect();
    assert!(saved == expected, "saved in another order than acknowledged");
    assert_eq!(stage.count("SELECT count(*) FROM dead_letters WHERE seq = 5501 AND sqlstate = '23514'").await, 1);
    // Ten batches of one upsert and one watermark each, two statements for each of ten halvings, the letter, the lease.
    assert!(writes <= 10 * 2 + 10 * 2 + 10, "{writes} write statements");
    assert!(all <= 150, "{all} statements");
}

#[tokio::test]
async fn a_thousand_writes_of_many_schools_cost_at_most_ten_write_statements() {
    let (stage, _server) = counting().await;
    for n in 0..1_000 {
        let school = if n % 25 == 0 { domain::SchoolId::generate() } else { stage.school };
        stage.create(&Note::new(school, &n.to_string())).await.unwrap();
    }
    stage.execute("SELECT pg_stat_statements_reset()").await;
    let summary = stage.processor_with(settings()).run_once().await.unwrap();
    let (writes, all) = statements(&stage).await;
    println!("{writes} write statements, {all} in all");
    assert_eq!((summary.saved, summary.dead), (1_000, 0));
    // Leases taken and given back, and what is tidied up, included.
    assert!(writes <= 10, "{writes} write statements");
}

#[tokio::test]
async fn rows_that_only_need_others_to_be_there_first_are_saved_and_not_buried() {
    // More than one statement holds, and the first points at the last: when it is written, what it points at is not there yet.
    let stage = Stage::set().await;
    let child = Note::new(stage.school, "child");
    stage.create(&child).await.unwrap();
    let others: Vec<Note> = (0..1_500).map(|n| Note::new(stage.school, &n.to_string())).collect();
    write(&stage, &others).await;
    let mut parent = Note::new(stage.school, "parent");
    stage.create(&parent).await.unwrap();
    let linked = Note { topic: Some(parent.id), ..child.changed("linked") };
    let link = Operation::new(stage.school, domain::ServiceName::Homework).update(&linked, child.version);
    stage.buffer.write(&stage.postgres, link).await.unwrap();
    // Changed once more, the parent comes behind its child.
    for _ in 0..3 {
        parent = stage.update(&parent, "changed").await.unwrap();
    }
    let summary = stage.processor_with(ProcessorSettings { memory: 512 * 1024, ..settings() }).run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (1_502, 0));
    assert_eq!(stage.saved(&[child.id]).await, [linked]);
}

#[tokio::test]
async fn a_record_with_a_nul_in_its_text_is_put_aside_and_blocks_nothing() {
    // PostgreSQL takes it neither as text nor as JSON, and so the letter itself could not be kept.
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "a \0 b")).await.unwrap();
    stage.create(&Note::new(stage.school, "fine")).await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (1, 1));
    let letters = write_behind::dead_letters::DeadLetters::new(stage.database.connect(Identity::Batch), stage.pool.clone(), drains());
    let letter = letters.list(1).await.unwrap().remove(0);
    assert_eq!(letter.payload.unwrap()["text"], "a \u{fffd} b");
}
