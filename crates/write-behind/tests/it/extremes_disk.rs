//! A full disk, for either store. The disk is a file system in memory of a few megabytes, which takes root to mount; without it these tests say
//! loudly that they prove nothing.

use std::process::Command;
use std::time::Duration;

use cache::Codec;
use domain::ServiceName;
use store::StoreError;
use testkit::{PostgresServer, RedisServer, SmallDisk, TestDatabase};
use write_behind::{BufferSettings, DrainError, Operation, WriteError};

use crate::it::extremes::{eventually, noise};
use crate::note::Note;
use crate::stage::{Stage, impatient};

async fn stage_on(disk: &SmallDisk, options: &[&str]) -> Stage {
    let redis = RedisServer::start_in(disk.path(), options).await;
    let settings = BufferSettings { codec: Codec::Raw, ..BufferSettings::default() };
    Stage::with(TestDatabase::create().await, redis, settings).await
}

async fn write_some(stage: &Stage) -> Vec<Note> {
    let mut notes = Vec::new();
    for n in 0..20 {
        let note = Note::new(stage.school, &n.to_string());
        stage.create(&note).await.unwrap();
        notes.push(note);
    }
    notes
}

#[tokio::test]
async fn when_redis_can_not_sync_to_its_full_disk_it_ends_and_no_acknowledged_write_is_lost() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let mut stage = stage_on(&disk, &[]).await;
    let notes = write_some(&stage).await;
    disk.fill();
    // The last page of its file may have room for a little more: these writes were acknowledged, so they count.
    let mut last = notes[0].clone();
    let refused = loop {
        match stage.update(&last, &noise(2_000)).await {
            Ok(changed) => last = changed,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, WriteError::Unavailable(_)), "{refused}");
    eventually(Duration::from_secs(5), async || stage.redis.has_ended().then_some(())).await;
    // Creates go on, through PostgreSQL.
    let detour = Note::new(stage.school, "without Redis");
    stage.create(&detour).await.unwrap();
    disk.make_room();
    stage.redis.launch().await;
    let processor = stage.processor();
    eventually(Duration::from_secs(10), async || processor.run_once().await.ok()).await;
    let saved = stage.table().await;
    assert_eq!((saved.len(), stage.dead().await), (notes.len() + 1, 0));
    assert!(notes[1..].iter().all(|note| saved.contains(&(note.id, 1, note.text.clone()))), "acknowledged and lost");
    // The refused change is open: it may have happened.
    let version = saved.iter().find(|(id, ..)| *id == last.id).map(|(_, version, _)| *version).unwrap();
    assert!(version == last.version.get() || version == last.version.next().get(), "{version}");
}

#[tokio::test]
async fn a_redis_that_refuses_for_its_full_disk_is_away_and_what_it_holds_is_saved_meanwhile() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    // Without a sync at every write Redis stays and refuses: MISCONF.
    let mut stage = stage_on(&disk, &["--appendfsync", "everysec"]).await;
    stage.create(&Note::new(stage.school, "before")).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let notes = write_some(&stage).await;
    disk.fill();
    let mut last = notes[0].clone();
    let refused = eventually(Duration::from_secs(10), async || match stage.update(&last, &noise(2_000)).await {
        Ok(changed) => {
            last = changed;
            None
        }
        Err(error) => Some(error),
    })
    .await;
    assert!(matches!(&refused, WriteError::Unavailable(reason) if reason.contains("MISCONF")), "{refused}");
    assert!(!stage.redis.has_ended());
    assert_eq!(stage.find(stage.school, last.id).await.unwrap(), Some(last.clone()), "what it holds can be read");
    // What was acknowledged may only be in Redis's memory now: all the more it must go on to PostgreSQL, though Redis lets go of nothing.
    let outcome = stage.processor_with(impatient()).run_once().await;
    assert!(matches!(outcome, Err(DrainError::Redis(_))), "{outcome:?}");
    let (saved, dead) = (stage.table().await, stage.dead().await);
    assert_eq!((saved.len(), dead), (notes.len() + 1, 0), "a full disk of Redis holds up the drain");
    assert!(saved.contains(&(last.id, last.version.get(), last.text.clone())));
    disk.make_room();
    let changed = eventually(Duration::from_secs(10), async || stage.update(&last, "room again").await.ok()).await;
    let processor = stage.processor();
    eventually(Duration::from_secs(10), async || processor.run_once().await.ok()).await;
    assert_eq!(stage.saved(&[last.id]).await, [changed]);
    assert!(stage.unsaved().await.is_empty());
}

async fn write_much(stage: &Stage, rows: usize) -> Vec<Note> {
    let notes: Vec<Note> = (0..rows).map(|_| Note::new(stage.school, &noise(8_000))).collect();
    for part in notes.chunks(20) {
        let operation = part.iter().fold(Operation::new(stage.school, ServiceName::Homework), Operation::create);
        stage.buffer.write(&stage.postgres, operation).await.unwrap();
    }
    notes
}

#[tokio::test]
async fn a_table_on_a_full_disk_makes_the_drain_wait_and_buries_nothing() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let server = PostgresServer::start().await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Stage::with(database, RedisServer::start().await, BufferSettings::default()).await;
    let place = disk.path().join("space");
    let made = Command::new("install").args(["-d", "-m", "700", "-o", "postgres"]).arg(&place).status().unwrap();
    assert!(made.success());
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    sqlx::raw_sql(sqlx::AssertSqlSafe(tablespace)).execute(&mut stage.superuser().await).await.unwrap();
    stage.execute("ALTER TABLE notes SET TABLESPACE small").await;
    disk.fill();
    let notes = write_much(&stage, 60).await;
    let outcome = stage.processor_with(impatient()).run_once().await;
    let Err(DrainError::Store(error @ StoreError::Unavailable(_))) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.sqlstate().as_deref(), Some("53100"), "{error}");
    assert_eq!((stage.dead().await, stage.unsaved().await.len()), (0, notes.len()));
    disk.make_room();
    assert_eq!(stage.processor().run_once().await.unwrap().saved, notes.len());
}

#[tokio::test]
async fn heavy_a_postgresql_whose_whole_disk_is_full_may_fall_and_all_is_saved_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(240) else { return };
    let server = PostgresServer::start_in(disk.path(), &["min_wal_size=32MB", "max_wal_size=32MB"]).await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Stage::with(database, RedisServer::start().await, BufferSettings::default()).await;
    disk.fill();
    let notes = write_much(&stage, 3_000).await;
    let outcome = stage.processor_with(impatient()).run_once().await;
    assert!(matches!(outcome, Err(DrainError::Store(_))), "{outcome:?}");
    // Writes go on, and are read, whatever PostgreSQL does.
    let note = Note::new(stage.school, "meanwhile");
    stage.create(&note).await.unwrap();
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note));
    disk.make_room();
    let processor = stage.processor();
    eventually(Duration::from_mins(1), async || {
        if let Ok(summary) = processor.run_once().await {
            return Some(summary);
        }
        // Where not even its log could be written, it has ended: somebody starts it again.
        server.try_launch().await;
        None
    })
    .await;
    assert_eq!(stage.count("SELECT count(*) FROM notes").await.unsigned_abs(), notes.len() as u64 + 1);
    assert_eq!(stage.dead().await, 0);
}
