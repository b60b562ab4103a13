//! The live view: over server-sent events and web sockets, for those who may, as long as they may.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Api;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::school::{SERVICES, School};

/// Long enough on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    async fn open(who: &Api, trip: &str) -> Self {
        let response = who.request(reqwest::Method::GET, &format!("{trip}/live")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new() }
    }

    /// The next event with its data; none when the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((message, rest)) = self.buffer.split_once("\n\n").map(|(message, rest)| (message.to_owned(), rest.to_owned())) {
                self.buffer = rest;
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                    return Some((event, serde_json::from_str(&data).unwrap()));
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something comes in time").unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn position(&mut self) -> Value {
        let (event, data) = self.next().await.expect("an event");
        assert_eq!(event, "position", "{data}");
        data
    }

    async fn bye(&mut self) -> String {
        loop {
            let (event, data) = self.next().await.expect("a reason");
            if event == "bye" {
                assert!(self.next().await.is_none(), "nothing comes after it");
                return data["reason"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// Waits until the process listens to Redis: a position that nobody hears is no proof.
async fn warm(school: &School, trip: &str) {
    warm_at(school, &school.office, trip).await;
}

/// The same of the process that `who` asks.
async fn warm_at(school: &School, who: &Api, trip: &str) {
    let mut events = Events::open(who, trip).await;
    for n in 0..100 {
        school.driver.post(&format!("{trip}/positions"), &school.positions(&[(200 - n, -0.5)])).await.expect(200);
        if let Ok(next) = timeout(Duration::from_millis(200), events.position()).await {
            // The first one may be what was there; the second was heard.
            if n > 0 && next["recorded_at"].is_string() {
                return;
            }
        }
    }
    panic!("nothing is heard");
}

#[tokio::test]
async fn whoever_watches_sees_the_bus_move_until_the_trip_ends_also_from_another_process() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    let (url, running) = school.fleet.another(SERVICES, std::sync::Arc::new(domain::SystemClock)).await;
    warm(&school, &trip).await;
    warm_at(&school, &school.office.at(&url), &trip).await;
    let mut office = Events::open(&school.office, &trip).await;
    let mut parent = Events::open(&school.parent, &trip).await;
    let mut elsewhere = Events::open(&school.office.at(&url), &trip).await;
    for events in [&mut office, &mut parent, &mut elsewhere] {
        assert_eq!(events.position().await["longitude"], -0.5, "where it is comes first");
    }
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    let seen = office.position().await;
    assert_eq!((&seen["longitude"], seen["stops"].as_array().unwrap().len()), (&json!(0.005), 4));
    let seen = parent.position().await;
    assert_eq!((&seen["longitude"], &seen["stops"][0]["stop_id"]), (&json!(0.005), &json!(school.stops[2])));
    assert_eq!(seen["stops"].as_array().unwrap().len(), 1, "other children's stops are nobody's business");
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(100, 0.1), (4, 0.006)])).await.expect(200);
    assert_eq!(elsewhere.position().await["longitude"].as_f64().map(|degrees| degrees > 0.004), Some(true));
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    for events in [&mut office, &mut parent, &mut elsewhere] {
        assert_eq!(events.bye().await, "trip_ended");
    }
    assert_eq!(school.office.get(&format!("{trip}/live")).await.status, 409);
    running.stop().await;
}

#[tokio::test]
async fn a_listener_whose_right_ends_is_cut_off() {
    let school = School::open().await;
    let seat = school.seat(school.child, 2).await.header("location").to_owned();
    let trip = school.start().await;
    warm(&school, &trip).await;
    for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher, &school.outsider] {
        assert_eq!(who.get(&format!("{trip}/live")).await.status, 404);
    }
    assert_eq!(school.fleet.anonymous().get(&format!("{trip}/live")).await.status, 401);
    // The seat is given back.
    let mut parent = Events::open(&school.parent, &trip).await;
    parent.position().await;
    school.office.delete(&seat, "\"v1\"").await;
    assert_eq!(parent.bye().await, "not_allowed");
    assert_eq!(school.parent.get(&format!("{trip}/live")).await.status, 404);
    // Somebody signs out.
    let mut driver = Events::open(&school.driver, &trip).await;
    driver.position().await;
    assert_eq!(school.driver.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    assert_eq!(driver.bye().await, "not_allowed");
    // Somebody is no guardian any more.
    school.seat(school.other_child, 1).await;
    let mut other = Events::open(&school.other_parent, &trip).await;
    other.position().await;
    school.sql(&format!("DELETE FROM student_guardians WHERE student_id = '{}'", school.other_child)).await;
    directory::Directory::new(school.fleet.platform.redis().clone(), school.fleet.platform.postgres(domain::ServiceName::Auth).clone())
        .changed(school.id)
        .await;
    assert_eq!(other.bye().await, "not_allowed");
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_holds_nobody_up() {
    let school = School::open().await;
    let trip = school.start().await;
    warm(&school, &trip).await;
    // A listener that never reads: the kernel's buffers fill up, then the service's sixteen messages.
    let mut slow = connect(&school.fleet.url).await;
    let ask = format!("GET {trip}/live HTTP/1.1\r\nHost: bus\r\nAuthorization: Bearer {}\r\n\r\n", school.office.token());
    slow.write_all(ask.as_bytes()).await.unwrap();
    let mut quick = Events::open(&school.office, &trip).await;
    quick.position().await;
    assert_eq!(subscriptions(&school).await, 1, "one a process, however many listen");
    // Told to the channel directly: thousands of large messages, as no driver could send them.
    let stops: Vec<Value> = (0..400)
        .map(|_| json!({"stop_id": uuid::Uuid::now_v7(), "scheduled_at": "2026-07-01T00:00:00Z", "expected_at": "2026-07-01T00:00:00Z", "has_arrived": false}))
        .collect();
    let trip_id = trip.rsplit('/').next().unwrap();
    for revision in 1_000_000..1_000_400_u64 {
        let body = json!({"moved": {"trip_id": trip_id, "route_id": school.route, "vehicle_id": school.vehicle, "direction": "pickup",
            "recorded_at": "2026-07-01T00:00:00Z", "latitude": 0.0, "longitude": 0.0, "speed_mps": null, "heading_degrees": null,
            "delay_seconds": null, "stops": stops}});
        let message = json!({"school_id": school.id, "trip_id": trip_id, "revision": revision, "body": body});
        let _: i64 = fred::interfaces::PubsubInterface::publish(school.fleet.platform.redis().next(), "bus:live", message.to_string())
            .await
            .unwrap();
        // The quick one reads each, and is let go for its own slowness only.
        timeout(PATIENCE, async { while quick.position().await["stops"].as_array().unwrap().len() != 400 {} }).await.unwrap();
    }
    let gone = timeout(PATIENCE, async {
        let mut all = Vec::new();
        // Until the server closes, or says why.
        loop {
            let mut part = vec![0; 1 << 16];
            match slow.read(&mut part).await {
                Ok(0) | Err(_) => return all,
                Ok(read) => all.extend_from_slice(&part[..read]),
            }
            if all.windows(8).any(|window| window == b"too_slow") {
                return all;
            }
        }
    });
    let all = gone.await.expect("the slow one is let go");
    assert!(all.windows(8).any(|window| window == b"too_slow"), "{}", all.len());
}

async fn subscriptions(school: &School) -> i64 {
    let redis = school.fleet.platform.redis().next();
    let channels: std::collections::HashMap<String, i64> =
        fred::interfaces::PubsubInterface::pubsub_numsub(redis, "bus:live").await.unwrap();
    channels.get("bus:live").copied().unwrap_or_default()
}

async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("http://")).await.unwrap()
}

/// A text frame of the server's, or the reason in its close frame.
async fn frame(stream: &mut TcpStream) -> (u8, String) {
    let mut head = [0; 2];
    timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("a frame comes").unwrap();
    let length = match head[1] & 0x7f {
        126 => usize::from(stream.read_u16().await.unwrap()),
        127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
        short => usize::from(short),
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let opcode = head[0] & 0x0f;
    // A ping only keeps the connection.
    if opcode == 9 {
        return Box::pin(frame(stream)).await;
    }
    let text = if opcode == 8 { body.split_off(2.min(body.len())) } else { body };
    (opcode, String::from_utf8(text).unwrap())
}

/// Sends a handshake with one more header; the head of the answer.
async fn knock(socket: &mut TcpStream, trip: &str, header: &str) -> String {
    let ask = format!(
        "GET {trip}/socket HTTP/1.1\r\nHost: bus\r\n{header}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, socket.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_browser_sends_its_token_as_a_subprotocol_and_gets_it_back_nowhere() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    let offers = async |offered: &str| {
        let mut socket = connect(&school.fleet.url).await;
        let head = knock(&mut socket, &trip, &format!("Sec-WebSocket-Protocol: {offered}")).await;
        (socket, head)
    };
    let token = school.parent.token();
    let (mut socket, head) = offers(&format!("bus.v1, bearer.{token}")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_lowercase().contains("sec-websocket-protocol: bus.v1\r\n") && !head.contains(token), "{head}");
    let (opcode, text) = frame(&mut socket).await;
    assert_eq!((opcode, serde_json::from_str::<Value>(&text).unwrap()["longitude"].as_f64()), (1, Some(0.005)));
    // The right is the token's owner's, and ends with it as everywhere.
    for (offered, status) in [
        (format!("bus.v1, bearer.{}", school.other_parent.token()), 404),
        (format!("bus.v1, bearer.{token}x"), 401),
        (format!("bus.v1, bearer.{token}, bearer.{token}"), 401),
        ("bus.v1".to_owned(), 401),
    ] {
        let (_, head) = offers(&offered).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    assert_eq!(school.parent.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    assert_eq!(frame(&mut socket).await, (8, "not_allowed".to_owned()));
    // No other route takes a token there.
    let elsewhere = school.fleet.anonymous();
    let asked =
        elsewhere.request(reqwest::Method::GET, &trip).header("Sec-WebSocket-Protocol", format!("bearer.{}", school.office.token()));
    assert_eq!(elsewhere.send(asked).await.status, 401);
}

#[tokio::test]
async fn the_same_comes_over_a_websocket() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    warm(&school, &trip).await;
    let mut socket = connect(&school.fleet.url).await;
    let head = knock(&mut socket, &trip, &format!("Authorization: Bearer {}", school.parent.token())).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    // The answer that RFC 6455 gives for this key.
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let (opcode, text) = frame(&mut socket).await;
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((opcode, seen["stops"].as_array().unwrap().len()), (1, 1));
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    let (_, text) = frame(&mut socket).await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["longitude"], 0.005);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(frame(&mut socket).await, (8, "trip_ended".to_owned()));
    let plain = school.parent.get(&format!("{trip}/socket")).await;
    assert!(matches!(plain.status, 400 | 409), "{}", plain.status);
}

#[tokio::test]
async fn a_process_that_stops_lets_its_listeners_go_at_once() {
    let school = School::open().await;
    let trip = school.start().await;
    let (url, running) = school.fleet.another(SERVICES, std::sync::Arc::new(domain::SystemClock)).await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    let mut events = Events::open(&school.office.at(&url), &trip).await;
    events.position().await;
    let stopping = tokio::spawn(running.stop());
    assert_eq!(events.bye().await, "stopping");
    drop(events);
    // Whoever is held up waits for the shutdown's own limit of 30 s.
    timeout(Duration::from_secs(25), stopping).await.expect("nobody holds it up").unwrap();
}

/// Moves the bus without telling anybody, as if it had been told while nobody was subscribed.
async fn move_unheard(school: &School, trip: &str, longitude: f64) {
    use fred::interfaces::KeysInterface;
    let redis = school.fleet.platform.redis().next();
    let key = format!("bus:trip:{}:{}", domain::Partition::of(school.id), trip.rsplit('/').next().unwrap());
    let value: String = redis.get(&key).await.unwrap();
    let (revision, progress) = value.split_once('\n').unwrap();
    let mut progress: Value = serde_json::from_str(progress).unwrap();
    progress["latest"]["longitude"] = json!(longitude);
    let next = format!("{}\n{progress}", revision.parse::<u64>().unwrap() + 1);
    let () = redis.set(&key, next, None, None, false).await.unwrap();
}

async fn kill_subscriptions(school: &School) {
    use fred::types::CustomCommand;
    let kill = CustomCommand::new_static("CLIENT", None::<u16>, false);
    let redis = school.fleet.platform.redis().next();
    let killed: i64 = fred::interfaces::ClientLike::custom(redis, kill, vec!["KILL", "TYPE", "pubsub"]).await.unwrap();
    assert!(killed > 0, "somebody was subscribed");
}

#[tokio::test]
async fn a_listener_is_told_what_its_process_did_not_hear_while_it_was_cut_off_from_redis() {
    let mut school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    warm(&school, &trip).await;
    let (mut office, mut parent) = (Events::open(&school.office, &trip).await, Events::open(&school.parent, &trip).await);
    assert_eq!((office.position().await["longitude"].as_f64(), parent.position().await["longitude"].as_f64()), (Some(-0.5), Some(-0.5)));
    // The connection broke.
    move_unheard(&school, &trip, 0.004).await;
    kill_subscriptions(&school).await;
    assert_eq!(office.position().await["longitude"], 0.004);
    let seen = parent.position().await;
    assert_eq!((&seen["longitude"], seen["stops"].as_array().unwrap().len()), (&json!(0.004), 1), "no more than they may see");
    // Redis itself was away.
    move_unheard(&school, &trip, 0.006).await;
    school.fleet.redis.kill().await;
    school.fleet.redis.launch().await;
    assert_eq!(office.position().await["longitude"], 0.006);
    assert_eq!(parent.position().await["longitude"], 0.006);
    // And that the trip is over.
    school.sql("UPDATE bus_trips SET state = 'finished', ended_at = now() WHERE state = 'running'").await;
    let course = format!("bus:course:{}:{}", domain::Partition::of(school.id), trip.rsplit('/').next().unwrap());
    let () = fred::interfaces::KeysInterface::del(school.fleet.platform.redis().next(), course).await.unwrap();
    kill_subscriptions(&school).await;
    assert_eq!(office.bye().await, "trip_ended");
    assert_eq!(parent.bye().await, "trip_ended");
}
