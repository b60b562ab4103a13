//! A whole process: what it says when it can't start, and how it ends. The test binary runs itself again as the service.

use std::time::{Duration, Instant};

use testkit::Process;

use crate::demo::SERVICE;

/// Not a test: the process that the tests start.
#[test]
#[ignore = "started by the tests of this module"]
fn child() {
    testkit::run(&[SERVICE]);
}

#[tokio::test]
async fn wrong_configuration_ends_the_process_with_one_line_for_each_fault() {
    let mut process = Process::start("process::child", &[("PORT", "eighty"), ("JWT_SECRET", "hunter2")]);
    assert_eq!(process.ended().await.code(), Some(78));
    assert_eq!(
        process.stderr(),
        "configuration: PORT must be a whole number from 0 to 65535, not \"eighty\"\nconfiguration: JWT_SECRET must have at least 32 characters\n"
    );
}

#[tokio::test]
async fn sigterm_lets_a_process_without_any_store_end_in_order() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let variables = [
        ("ENABLE_PROMETHEUS", "false"),
        ("JWT_SECRET", crate::demo::SECRET),
        ("POSTGRES_HOST", "127.0.0.1"),
        ("POSTGRES_PORT", "1"),
        ("REDIS_HOST", "127.0.0.1"),
        ("REDIS_PORT", "1"),
        ("MONGODB_URI", "mongodb://127.0.0.1:1/"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "3"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ];
    let mut process = Process::start("process::child", &variables);
    let url = process.url().to_owned();
    let started = Instant::now();
    let slow = loop {
        // An idle keep-alive connection, which must not hold the process.
        if reqwest::get(format!("{url}/health")).await.is_ok() {
            break tokio::spawn(reqwest::get(format!("{url}/api/v1/slow")));
        }
        assert!(started.elapsed() < Duration::from_secs(15), "it never served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    process.terminate();
    assert_eq!(slow.await.unwrap().unwrap().status(), 204, "the request in flight is finished");
    assert_eq!(process.ended().await.code(), Some(0));
    let log = process.stdout();
    assert!(log.lines().any(|line| line.contains("\"message\":\"stopped\"")), "{log}");
}
