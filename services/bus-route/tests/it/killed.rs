//! The process that a bus talks to is killed again and again while it does.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Clock, StudentId, SystemClock};
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use testkit::Process;

use crate::school::{SERVICES, School};

/// Not a test: the process that the test kills.
#[test]
#[ignore = "started by the test of this module"]
fn child() {
    testkit::run(SERVICES);
}

/// What is acknowledged is saved by another process, which nobody kills: that one may be, too, is for the tests of the write buffer.
const SAVES_NOTHING: &[(&str, &str)] = &[("BATCH_PROCESSOR_ENABLED", "false")];

/// Where the process answers now, and whether it is all over.
struct Target {
    url: std::sync::Mutex<String>,
    is_over: AtomicBool,
}

impl Target {
    fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// Sends until there is an answer, which may be of a process that came after.
async fn answered(target: &Target, client: &Client, token: &str, path: &str, body: &Value) -> Option<Value> {
    while !target.is_over() {
        let sent = client.post(format!("{}{path}", target.url())).bearer_auth(token).json(body).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => {
                if let Ok(body) = answer.json().await {
                    return Some(body);
                }
            }
            Ok(answer) if answer.status().is_client_error() => panic!("{}", answer.text().await.unwrap_or_default()),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    None
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// The bus: a position of each moment, and what was acknowledged. The trip's latest is never an older one than before.
async fn drives(target: &Target, token: &str, trip: &str) -> Vec<DateTime<Utc>> {
    let (client, path) = (Client::builder().timeout(Duration::from_secs(3)).build().unwrap(), format!("{trip}/positions"));
    let (mut acknowledged, mut latest) = (Vec::new(), None);
    while !target.is_over() {
        let now = DateTime::from_timestamp_micros(SystemClock.now().timestamp_micros()).unwrap();
        let body = json!({"positions": [{"recorded_at": now, "latitude": 0.0, "longitude": 0.001}]});
        let Some(answer) = answered(target, &client, token, &path, &body).await else { break };
        acknowledged.push(now);
        // None if it was not known at that moment.
        let seen = time(&answer["latest_recorded_at"]);
        assert!(seen.is_none() || seen >= latest, "{seen:?} came after {latest:?}");
        latest = seen.or(latest);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    acknowledged
}

/// Somebody who watches: where the bus is never goes back, whoever answers.
async fn watches(target: &Target, token: &str, trip: &str) -> usize {
    let client = Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    let (mut latest, mut looks) = (None, 0);
    while !target.is_over() {
        if let Ok(answer) = client.get(format!("{}{trip}/position", target.url())).bearer_auth(token).send().await
            && answer.status().is_success()
            && let Ok(body) = answer.json::<Value>().await
        {
            let seen = time(&body["recorded_at"]);
            assert!(seen >= latest, "{seen:?} is shown after {latest:?}");
            (latest, looks) = (seen, looks + 1);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    looks
}

/// Students who get on and off without end: how many notes each has had acknowledged.
async fn boards(target: &Target, token: &str, trip: &str, student: StudentId) -> (StudentId, i64) {
    let (client, path) = (Client::builder().timeout(Duration::from_secs(3)).build().unwrap(), format!("{trip}/boardings"));
    let mut version = 0;
    for kind in ["boarded", "alighted"].into_iter().cycle() {
        let body = json!({"student_id": student, "kind": kind});
        let Some(answer) = answered(target, &client, token, &path, &body).await else { break };
        // A note whose answer was lost was kept or not: sent again, it is there once.
        version += 1;
        assert_eq!((&answer["version"], &answer["is_aboard"]), (&json!(version), &json!(kind == "boarded")), "{answer:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (student, version)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_the_process_while_a_bus_runs_and_lose_no_boarding_and_no_position() {
    let school = School::open_with(20).await;
    let students = school.students(6).await;
    let trip = school.start().await;
    let mut process = school.fleet.process("killed::child", SAVES_NOTHING);
    process.ready().await;
    let target = Target { url: std::sync::Mutex::new(process.url().to_owned()), is_over: AtomicBool::new(false) };
    let (driver, office) = (school.driver.token(), school.office.token());
    let killing = async {
        for round in 0..4_u64 {
            tokio::time::sleep(Duration::from_millis(400 + 130 * round)).await;
            process.kill();
            process = school.fleet.process("killed::child", SAVES_NOTHING);
            process.ready().await;
            process.url().clone_into(&mut target.url.lock().unwrap());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        target.is_over.store(true, Ordering::SeqCst);
    };
    let boarding = join_all(students.iter().map(|student| boards(&target, driver, &trip, *student)));
    let (positions, looks, boarded, ()) = tokio::join!(drives(&target, driver, &trip), watches(&target, office, &trip), boarding, killing);
    assert!(positions.len() > 20 && looks > 5 && boarded.iter().all(|(_, notes)| *notes > 4), "{} {looks} {boarded:?}", positions.len());
    school.saved().await;

    let mut superuser = school.fleet.database.superuser().await;
    let stored: Vec<DateTime<Utc>> =
        sqlx::query_scalar("SELECT recorded_at FROM vehicle_positions").fetch_all(&mut superuser).await.unwrap();
    let stored: HashSet<DateTime<Utc>> = stored.into_iter().collect();
    assert!(positions.iter().all(|at| stored.contains(at)), "a position was acknowledged and lost");
    let logs: Vec<(uuid::Uuid, Value)> =
        sqlx::query_as("SELECT student_id, log FROM bus_boardings").fetch_all(&mut superuser).await.unwrap();
    let logs: HashMap<StudentId, Value> = logs.into_iter().map(|(student, log)| (StudentId::from_uuid(student), log)).collect();
    for (student, notes) in boarded {
        let log = logs[&student].as_array().unwrap();
        // One more may have been kept whose answer nobody heard.
        assert!((notes..=notes + 1).contains(&i64::try_from(log.len()).unwrap()), "{notes} were acknowledged, {} are there", log.len());
        assert!(log.iter().zip(["boarded", "alighted"].into_iter().cycle()).all(|(note, kind)| note["kind"] == kind), "{log:?}");
    }
    let shown = school.office.get(&format!("{trip}/position")).await.expect(200);
    assert!(time(&shown["recorded_at"]) >= positions.last().copied());
    assert_eq!(time(&shown["recorded_at"]), stored.iter().max().copied(), "what is shown is the latest that there is");
    drop::<Process>(process);
}
