//! The process that answers is killed in the middle of an exam. The test binary runs itself again as that process.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::school::{SERVICES, School};

const SECRET: &str = "for-tests-only-and-longer-than-thirty-two-characters";

/// Not a test: the process that the test kills.
#[test]
#[ignore = "started by the test of this module"]
#[allow(clippy::exit, clippy::disallowed_methods)]
fn child() {
    let code = service_kit::main(SERVICES);
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

/// A process of the same fleet that saves nothing to PostgreSQL: what it acknowledges is in Redis alone.
fn start(school: &School, port: u16) -> Child {
    let postgres = school.fleet.database.app();
    let variables = [
        ("HTTP_HOST", "127.0.0.1".to_owned()),
        ("PORT", port.to_string()),
        ("HTTP_WORKERS", "2".to_owned()),
        ("POSTGRES_HOST", postgres.host.clone()),
        ("POSTGRES_PORT", postgres.port.to_string()),
        ("POSTGRES_DB", postgres.database.clone()),
        ("POSTGRES_USER", postgres.user.clone()),
        ("POSTGRES_PASSWORD", postgres.password.expose_secret().to_owned()),
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", school.fleet.redis.port().to_string()),
        ("MONGODB_URI", testkit::mongodb_uri()),
        ("JWT_SECRET", SECRET.to_owned()),
        ("ENABLE_PROMETHEUS", "false".to_owned()),
        ("BATCH_PROCESSOR_ENABLED", "false".to_owned()),
    ];
    Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--ignored"])
        .env_clear()
        .envs(variables)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn ready(url: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..300 {
        if client.get(format!("{url}/ready")).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the process does not come up");
}

#[tokio::test]
async fn an_attempt_survives_the_killing_of_its_process_with_every_acknowledged_answer() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false"), ("JWT_SECRET", SECRET)]).await;
    let paper = school.given(&school.settings("Killed"), 40).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let mut child = start(&school, port);
    ready(&url).await;
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
        child.kill().unwrap();
        child.wait().unwrap();
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
