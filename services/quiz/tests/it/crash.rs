//! The process that answers is killed in the middle of an exam. The test binary runs itself again as that process.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::school::{SERVICES, School};

/// Not a test: the process that the test kills.
#[test]
#[ignore = "started by the test of this module"]
fn child() {
    testkit::run(SERVICES);
}

#[tokio::test]
async fn an_attempt_survives_the_killing_of_its_process_with_every_acknowledged_answer() {
    // Neither process saves anything to PostgreSQL: what is acknowledged is in Redis alone.
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let paper = school.given(&school.settings("Killed"), 40).await;
    let mut process = school.fleet.process("crash::child", &[]);
    process.ready().await;
    let url = process.url().to_owned();
    let there = school.student.at(&url);
    let sitting = school.start(&there, &paper).await;
    let slots = sitting.slots();
    for slot in &slots[..10] {
        school.save(&there, &sitting, slot, &json!({"is_true": true})).await.expect(200);
    }
    // One after the other, in three tabs, until nobody answers any more.
    let tab = async |slots: &[String]| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut acknowledged = Vec::new();
        for slot in slots {
            let request = client.put(format!("{url}{}/answers/{slot}", sitting.path)).bearer_auth(there.token());
            match request.json(&json!({"response": {"is_true": true}})).send().await {
                Ok(answer) if answer.status() == 200 => acknowledged.push(slot.clone()),
                _ => break,
            }
        }
        acknowledged
    };
    let kill = async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        process.kill();
    };
    let ((), tabs) = tokio::join!(kill, join_all(slots[10..].chunks(10).map(tab)));
    let mut acknowledged: Vec<String> = tabs.into_iter().flatten().collect();
    acknowledged.extend_from_slice(&slots[..10]);
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts").await, 0, "nothing of it is in PostgreSQL");

    // Another process of the fleet goes on with it.
    let now = school.student.get(&sitting.path).await.expect(200);
    for question in now["questions"].as_array().unwrap() {
        let slot = question["slot_id"].as_str().unwrap();
        if acknowledged.iter().any(|own| own == slot) {
            assert_eq!(question["response"], json!({"is_true": true}), "{slot} was acknowledged");
        }
    }
    let answered = now["questions"].as_array().unwrap().iter().filter(|question| !question["response"].is_null()).count();
    assert!(answered <= acknowledged.len() + 3, "at most one answer of each tab was under way");
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(answered));
}
