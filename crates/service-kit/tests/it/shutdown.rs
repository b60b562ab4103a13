//! Stopping.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::demo::Demo;

#[tokio::test]
async fn a_stop_finishes_the_request_in_flight_and_takes_no_more() {
    let demo = Demo::start().await;
    let slow = demo.bare(Method::GET, "/api/v1/slow");
    let late = demo.bare(Method::GET, "/health").timeout(Duration::from_secs(2));
    let in_flight = tokio::spawn(async move { slow.send().await.unwrap().status().as_u16() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    demo.running.stop().await;
    assert!(started.elapsed() < Duration::from_secs(4), "it waited for more than the request: {:?}", started.elapsed());
    assert_eq!(in_flight.await.unwrap(), 204);
    assert!(late.send().await.is_err());
}
