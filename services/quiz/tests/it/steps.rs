//! How many steps into the stores the hot routes take: two thousand students begin at nine, and save twenty answers each.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::school::School;

/// What Redis is told, as it is told; what a script does by itself is no step of its own.
struct Monitor(BufReader<TcpStream>);

impl Monitor {
    async fn of(school: &School) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", school.fleet.redis.port())).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut monitor = Self(BufReader::new(stream));
        assert_eq!(monitor.line().await, "+OK");
        monitor
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    /// The commands since the last time, by name. What goes on beside requests all the time is left out.
    async fn commands(&mut self, school: &School) -> BTreeMap<String, u64> {
        let mark = uuid::Uuid::now_v7().to_string();
        let _: Option<String> = fred::interfaces::KeysInterface::get(school.fleet.platform.redis(), &mark).await.unwrap();
        let mut counts = BTreeMap::new();
        loop {
            let line = self.line().await.to_lowercase();
            if line.contains(&mark) {
                return counts;
            }
            let name = line.split('"').nth(1).unwrap_or_default().to_owned();
            let beside =
                ["zrange", "zrangebyscore", "xreadgroup", "xautoclaim", "xlen", "ping", "hello", "client", "subscribe", "info", "xadd"];
            if !line.contains(" lua] ") && !beside.contains(&name.as_str()) {
                *counts.entry(name).or_insert(0) += 1;
            }
        }
    }
}

/// How often PostgreSQL has looked into the tables that the routes might ask.
async fn looks(school: &School) -> i64 {
    // The figures of a connection that rests are a moment behind.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    school
        .count("SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'quiz%' OR relname = 'enrollments'")
        .await
}

#[tokio::test]
async fn an_answer_is_saved_in_three_commands_and_an_attempt_submitted_in_four_without_postgresql_or_mongodb() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let paper = school.given(&school.settings("Exam morning"), 20).await;
    let sitting = school.start(&school.student, &paper).await;
    let slots = sitting.slots();
    // The first request of a worker makes it remember who calls.
    let truth = json!({"is_true": true});
    for _ in 0..20 {
        school.save(&school.student, &sitting, &slots[0], &truth).await.expect(200);
    }
    // Neither is needed from here on.
    school.fleet.platform.mongo().drop_database().await.unwrap();
    let before = looks(&school).await;
    let mut redis = Monitor::of(&school).await;

    for slot in &slots[1..] {
        school.save(&school.student, &sitting, slot, &truth).await.expect(200);
    }
    let saved = redis.commands(&school).await;
    assert_eq!(
        saved,
        BTreeMap::from([("evalsha".into(), 19), ("get".into(), 19), ("mget".into(), 19)]),
        "one read, one look at the quiz, one write"
    );

    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(20));
    let ended = redis.commands(&school).await;
    assert_eq!(
        ended,
        BTreeMap::from([("evalsha".into(), 1), ("get".into(), 1), ("mget".into(), 2)]),
        "the attempt, the quiz, all answers at once, one write"
    );
    assert_eq!(looks(&school).await, before, "PostgreSQL was not asked");
}

#[tokio::test]
async fn an_answer_is_checked_in_as_many_commands_as_it_is_saved_in_whatever_the_quiz_asks_for() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let mut settings = school.settings("In the lab");
    settings["behaviour"] = json!("immediate_certainty");
    settings["allowed_networks"] = json!(["127.0.0.0/8"]);
    let mut ids = Vec::new();
    for n in 0..6 {
        let answer =
            json!({"type": "calculated", "accepted": [{"formula": "{a} * 3"}], "wildcards": [{"name": "a", "values": [n, n + 1]}]});
        ids.push(school.question("calculated", answer).await);
    }
    let mut paper = school.draft(&settings, &ids).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    let slots = sitting.slots();
    for _ in 0..20 {
        school.save(&school.student, &sitting, &slots[0], &json!({"number": "3"})).await.expect(200);
    }
    school.fleet.platform.mongo().drop_database().await.unwrap();
    let mut redis = Monitor::of(&school).await;
    for slot in &slots[1..] {
        let body = json!({"response": {"number": "7"}, "certainty": 2});
        school.put(&school.student, &format!("{}/answers/{slot}", sitting.path), &body).await.expect(200);
    }
    let steps = BTreeMap::from([("evalsha".into(), 5), ("get".into(), 5), ("mget".into(), 5)]);
    assert_eq!(redis.commands(&school).await, steps);
    for slot in &slots[1..] {
        school.student.post(&format!("{}/answers/{slot}/check", sitting.path), &json!({})).await.expect(200);
    }
    assert_eq!(redis.commands(&school).await, steps);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(redis.commands(&school).await, BTreeMap::from([("evalsha".into(), 1), ("get".into(), 1), ("mget".into(), 2)]));
}
