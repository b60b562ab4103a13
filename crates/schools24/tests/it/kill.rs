//! `SIGKILL` for the service and the batch processor, in turn and at random instants, under load over HTTP: every homework whose 201 a client has
//! seen is in its table in the end, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::Role;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use testkit::{PASSWORD, people};

use crate::process::{Ground, free_port};

/// Sets homework without end, each with a key of its own; what gets no answer is sent again with the same key until it gets one.
async fn teacher(number: u32, url: String, token: String, class: String, stop: Arc<AtomicBool>) -> HashMap<String, String> {
    let client = Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    let mut acknowledged = HashMap::new();
    for n in 0.. {
        let title = format!("homework-{number}.{n}");
        let body = json!({"class_id": class, "title": title, "due_at": "2030-01-01T00:00:00Z"});
        loop {
            if stop.load(Ordering::SeqCst) {
                return acknowledged;
            }
            let sent = client
                .post(format!("{url}/api/v1/homework"))
                .bearer_auth(&token)
                .header("Idempotency-Key", &title)
                .json(&body)
                .send()
                .await;
            match sent {
                Ok(answer) if answer.status() == StatusCode::CREATED => {
                    if let Ok(body) = answer.json::<Value>().await {
                        acknowledged.insert(body["id"].as_str().unwrap().to_owned(), title);
                        break;
                    }
                }
                Ok(answer) if answer.status().is_client_error() => {
                    panic!("{}: {}", answer.status(), answer.text().await.unwrap_or_default())
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_the_service_and_the_batch_processor_again_and_again_and_lose_nothing() {
    let ground = Ground::lay().await;
    let school = domain::SchoolId::generate();
    let mut superuser = ground.database.superuser().await;
    sqlx::query("INSERT INTO schools (id, name, code) VALUES ($1, 'A school', 'A')")
        .bind(school.as_uuid())
        .execute(&mut superuser)
        .await
        .unwrap();
    people::member(&ground.database, school, Role::SchoolAdmin, "office@a.example").await;
    let (class, _) = people::class(&ground.database, school, "7A").await;
    let (port, drain_port) = (free_port(), free_port());
    let serve = ["serve", "--services", "auth,homework"];
    let mut service = ground.serve(&serve, port).await;
    let mut processor = ground.serve(&["drain", "--resident"], drain_port).await;

    let url = format!("http://127.0.0.1:{port}");
    let login = json!({"email": "office@a.example", "password": PASSWORD});
    let answer: Value = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{url}/api/v1/auth/login"))
        .json(&login)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let stop = Arc::new(AtomicBool::new(false));
    let teachers: Vec<_> =
        (0..4).map(|n| tokio::spawn(teacher(n, url.clone(), token.clone(), class.to_string(), Arc::clone(&stop)))).collect();
    for round in 0..4_u64 {
        tokio::time::sleep(Duration::from_millis(300 + 70 * round)).await;
        service.kill().await.unwrap();
        service = ground.serve(&serve, port).await;
        tokio::time::sleep(Duration::from_millis(200 + 90 * round)).await;
        processor.kill().await.unwrap();
        processor = ground.serve(&["drain", "--resident"], drain_port).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = HashMap::new();
    for teacher in teachers {
        acknowledged.extend(teacher.await.unwrap());
    }
    assert!(acknowledged.len() > 40, "too little happened to prove anything: {}", acknowledged.len());

    // A killed processor's lease runs out by itself.
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let rows: Vec<(uuid::Uuid, String)> = sqlx::query_as("SELECT id, title FROM homework").fetch_all(&mut superuser).await.unwrap();
        let table: HashMap<String, String> = rows.iter().map(|(id, title)| (id.to_string(), title.clone())).collect();
        if acknowledged.iter().all(|(id, title)| table.get(id) == Some(title)) {
            let mut titles: Vec<&String> = table.values().collect();
            titles.sort_unstable();
            let all = titles.len();
            titles.dedup();
            assert_eq!(titles.len(), all, "a retry was doubled");
            break;
        }
        assert!(Instant::now() < deadline, "acknowledged and lost: {:?}", acknowledged.iter().find(|(id, _)| !table.contains_key(*id)));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let dead: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters").fetch_one(&mut superuser).await.unwrap();
    assert_eq!(dead, 0);
    service.kill().await.unwrap();
    processor.kill().await.unwrap();
}
