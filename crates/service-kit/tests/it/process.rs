//! A whole process: what it says when it can't start, and how it ends. The test binary runs itself again as the service.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::demo::SERVICE;

/// Not a test: the process that the tests start.
#[test]
#[ignore = "started by the tests of this module"]
#[allow(clippy::exit, clippy::disallowed_methods)]
fn child() {
    let code = service_kit::main(&[SERVICE]);
    // `ExitCode` can't be compared; its two ends are told apart by their text.
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { 78 });
}

fn start(variables: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["process::child", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn end_of(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > Duration::from_secs(15) {
            let _ = child.kill();
            panic!("the process did not end");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn wrong_configuration_ends_the_process_with_one_line_for_each_fault() {
    let mut child = start(&[("PORT", "eighty"), ("JWT_SECRET", "hunter2")]);
    let status = end_of(&mut child).await;
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(status.code(), Some(78));
    assert_eq!(
        told,
        "configuration: PORT must be a whole number from 0 to 65535, not \"eighty\"\nconfiguration: JWT_SECRET must have at least 32 characters\n"
    );
}

#[tokio::test]
async fn sigterm_lets_a_process_without_any_store_end_in_order() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let variables = [
        ("HTTP_HOST", "127.0.0.1"),
        ("PORT", port.as_str()),
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
    let mut child = start(&variables);
    let url = format!("http://127.0.0.1:{port}");
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
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(slow.await.unwrap().unwrap().status(), 204, "the request in flight is finished");
    assert_eq!(end_of(&mut child).await.code(), Some(0));
    let mut log = String::new();
    child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.lines().any(|line| line.contains("\"message\":\"stopped\"")), "{log}");
}
