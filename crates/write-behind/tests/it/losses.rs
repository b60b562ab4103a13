//! Redis lacks what it acknowledged: that is noticed, the partition stands still, and an operator lets it go on.

use domain::ServiceName;
use fred::interfaces::{KeysInterface, StreamsInterface};
use write_behind::Processor;

use crate::note::Note;
use crate::stage::Stage;

const HOMEWORK: ServiceName = ServiceName::Homework;

/// The one reason why a partition stands still.
async fn reason(processor: &Processor) -> String {
    let halted = processor.halted().await.unwrap();
    assert_eq!(halted.len(), 1, "acknowledged writes are missing, and nobody says so");
    halted[0].2.clone()
}

async fn write(stage: &Stage, count: usize) {
    for n in 0..count {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
}

#[tokio::test]
pub async fn a_redis_that_was_emptied_is_noticed_even_when_new_writes_have_caught_up() {
    let stage = Stage::set().await;
    write(&stage, 5).await;
    stage.processor().run_once().await.unwrap();
    write(&stage, 2).await;
    stage.redis.flush().await;
    // Two are lost. By its numbers, this could be the old log.
    write(&stage, 10).await;
    let processor = stage.processor();
    assert_eq!(processor.run_once().await.unwrap().saved, 0, "acknowledged writes are missing, and nobody says so");
    assert!(reason(&processor).await.contains("emptied or exchanged"));
    processor.accept_loss().await.unwrap();
    assert_eq!(processor.run_once().await.unwrap().saved, 10);
}

#[tokio::test]
pub async fn a_redis_that_was_emptied_is_noticed_by_a_processor_that_holds_the_lease() {
    let stage = Stage::set().await;
    write(&stage, 5).await;
    let processor = stage.processor();
    assert_eq!(processor.cycle_for_test().await.unwrap().saved, 5);
    stage.redis.flush().await;
    write(&stage, 1).await;
    processor.cycle_for_test().await.unwrap();
    assert!(reason(&processor).await.contains("emptied or exchanged"));
    assert_eq!(stage.unsaved().await.len(), 1);
}

#[tokio::test]
pub async fn a_halted_partition_stands_still_until_an_operator_lets_it_go_on() {
    let stage = Stage::set().await;
    write(&stage, 5).await;
    stage.processor().run_once().await.unwrap();
    // As in a copy of Redis from before the last four.
    let () = stage.pool.del(cache::key::log(HOMEWORK, stage.partition())).await.unwrap();
    let () = stage.pool.set(cache::key::sequence(HOMEWORK, stage.partition()), 1, None, None, false).await.unwrap();
    write(&stage, 1).await;
    let processor = stage.processor();
    processor.run_once().await.unwrap();
    assert!(reason(&processor).await.contains("older copy"));
    // The numbers catch up with the watermark: nothing but the halt shows any more what was lost.
    write(&stage, 10).await;
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.skipped), (0, 1), "a halted partition goes on by itself");
    assert_eq!(processor.accept_loss().await.unwrap(), 1);
    assert_eq!(processor.run_once().await.unwrap().saved, 11);
}

#[tokio::test]
pub async fn a_gap_in_the_log_halts_the_partition_and_what_is_left_can_be_saved() {
    let stage = Stage::set().await;
    write(&stage, 5).await;
    let () = stage.pool.xdel(cache::key::log(HOMEWORK, stage.partition()), "3-0").await.unwrap();
    let processor = stage.processor();
    assert_eq!(processor.run_once().await.unwrap().saved, 0, "a gap in the log is passed over");
    assert_eq!(reason(&processor).await, "after write 2 the log goes on with 4");
    assert_eq!(stage.unsaved().await.len(), 5);
    assert_eq!(processor.accept_loss().await.unwrap(), 1);
    processor.run_once().await.unwrap();
    assert_eq!((stage.table().await.len(), processor.halted().await.unwrap().len()), (4, 0));
}

#[tokio::test]
pub async fn a_log_that_lost_its_end_halts_the_partition_and_what_is_left_can_be_saved() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "one");
    stage.create(&note).await.unwrap();
    let changed = stage.update(&note, "two").await.unwrap();
    let () = stage.pool.xdel(cache::key::log(HOMEWORK, stage.partition()), "2-0").await.unwrap();
    let processor = stage.processor();
    processor.run_once().await.unwrap();
    assert_eq!(reason(&processor).await, "the log ends at 1 although write 2 was acknowledged");
    assert_eq!(processor.accept_loss().await.unwrap(), 1);
    processor.run_once().await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 2, changed.text)]);
    // And life goes on.
    write(&stage, 1).await;
    assert_eq!(processor.run_once().await.unwrap().saved, 1);
}

#[tokio::test]
pub async fn an_entry_that_is_no_pointer_halts_the_partition() {
    let stage = Stage::set().await;
    write(&stage, 1).await;
    let log = cache::key::log(HOMEWORK, stage.partition());
    let () = stage.pool.xadd(&log, false, None, "2-0", ("not", "a pointer")).await.unwrap();
    let () = stage.pool.set(cache::key::sequence(HOMEWORK, stage.partition()), 2, None, None, false).await.unwrap();
    let processor = stage.processor();
    processor.run_once().await.unwrap();
    assert_eq!(reason(&processor).await, "write 2 is no pointer");
}

#[tokio::test]
pub async fn a_value_that_was_put_back_from_postgresql_does_not_pass_for_what_was_acknowledged() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "saved");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    stage.update(&note, "acknowledged").await.unwrap();
    // Somebody deletes the value, and a reader fills the cache with what PostgreSQL has.
    stage.evict(note.id).await;
    assert_eq!(stage.find(stage.school, note.id).await.unwrap().unwrap().text, "saved");
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (0, 1), "an acknowledged version is gone, and nobody says so");
    assert_eq!(stage.count("SELECT count(*) FROM dead_letters WHERE reason LIKE 'the value in Redis is of write 0%'").await, 1);
}

#[tokio::test]
pub async fn a_killed_redis_has_every_acknowledged_write_when_it_comes_back() {
    use crate::mechanism::{Mechanism, on};
    let options: &[&str] = if on(Mechanism::AppendOnlyFile) { &[] } else { &["--appendonly", "no"] };
    let redis = testkit::RedisServer::start_with(options).await;
    let mut stage = Stage::with(testkit::TestDatabase::create().await, redis, write_behind::BufferSettings::default()).await;
    write(&stage, 20).await;
    stage.redis.kill().await;
    stage.redis.launch().await;
    let found =
        super::outages::retry(async || stage.buffer.unsaved::<Note>(stage.school, "all").await.ok().filter(|found| !found.is_empty()));
    let found = tokio::time::timeout(std::time::Duration::from_secs(5), found).await.expect("acknowledged and lost");
    assert_eq!(found.len(), 20, "acknowledged and lost");
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 20);
}

#[tokio::test]
pub async fn a_postgresql_that_was_restored_to_an_earlier_moment_is_noticed() {
    let stage = Stage::set().await;
    write(&stage, 5).await;
    stage.processor().run_once().await.unwrap();
    // Rows and watermark go back together; the log has let go of what they lack now.
    stage.execute("DELETE FROM notes WHERE text >= '2'; UPDATE drain_watermarks SET seq = 2 WHERE seq = 5").await;
    write(&stage, 1).await;
    let processor = stage.processor();
    assert_eq!(processor.run_once().await.unwrap().saved, 0);
    assert_eq!(reason(&processor).await, "after write 2 the log goes on with 6");
    processor.accept_loss().await.unwrap();
    assert_eq!(processor.run_once().await.unwrap().saved, 1);
    assert_eq!(stage.table().await.len(), 3);
}
