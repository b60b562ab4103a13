//! Live positions: late ones are stored and never become the latest; arrivals and delays are told once.

use chrono::{DateTime, Duration, Utc};
use domain::{Clock, SystemClock};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::School;

#[tokio::test]
async fn positions_in_any_order_in_parallel_end_with_the_latest_one_shown() {
    let school = School::open().await;
    let trip = school.start().await;
    let (path, shown) = (format!("{trip}/positions"), format!("{trip}/position"));
    assert_eq!(school.office.get(&shown).await.status, 404);
    let now = SystemClock.now();
    let at = |n: i64| now - Duration::seconds(200 - n);
    let fix = |n: i64| json!({"recorded_at": at(n), "latitude": 0.001, "longitude": 0.000_01 * f64::from(i32::try_from(n).unwrap())});
    // Fifty devices' worth of batches at once, each of three instants far apart, each sent twice.
    let bodies: Vec<Value> = (0..50).map(|n| json!({"positions": [fix(n), fix(50 + n), fix((n * 7) % 50 + 100)]})).collect();
    let answers = join_all(bodies.iter().chain(bodies.iter().rev()).map(|body| school.driver.post(&path, body))).await;
    assert_eq!(count(&answers, 200), 100, "{:?}", statuses(&answers));
    let latest: DateTime<Utc> = at(149);
    let show = async || school.office.get(&shown).await.expect(200);
    assert_eq!(show().await["recorded_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), latest);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 150, "each instant once");
    // The memory goes, the table stays: a late one is still late.
    school.fleet.redis.flush().await;
    let late = json!({"positions": [{"recorded_at": at(60) + Duration::milliseconds(500), "latitude": 1.0, "longitude": 1.0}]});
    let answer = school.driver.post(&path, &late).await.expect(200);
    assert_eq!(answer["latest_recorded_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), latest);
    assert_eq!(show().await["latitude"], 0.001);
}

#[tokio::test]
async fn a_saved_position_leaves_redis_within_a_minute_and_a_saved_boarding_stays_as_a_cache() {
    use fred::interfaces::{ClientLike, KeysInterface};
    let school = School::open().await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(10, 0.0)])).await.expect(200);
    let on = json!({"student_id": school.child, "kind": "boarded"});
    school.driver.post(&format!("{trip}/boardings"), &on).await.expect(200);
    school.saved().await;
    let redis = school.fleet.platform.redis();
    let lives = async |entity: &str| {
        let pattern = format!("write_buffer:{entity}:*");
        let keys: Vec<String> = redis.next().custom(fred::cmd!("KEYS"), vec![pattern]).await.unwrap();
        assert_eq!(keys.len(), 1, "{keys:?}");
        redis.pttl::<i64, _>(&keys[0]).await.unwrap()
    };
    // Settled a moment after it is saved.
    for _ in 0..100 {
        if lives("bus_track").await >= 0 && lives("bus_boarding").await >= 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!((1..=60_000).contains(&lives("bus_track").await), "{}", lives("bus_track").await);
    assert!(lives("bus_boarding").await > 3_600_000, "{}", lives("bus_boarding").await);
}

#[tokio::test]
async fn a_position_after_the_trip_is_stored_and_moves_nothing() {
    let school = School::open().await;
    let trip = school.plan().await;
    let path = format!("{trip}/positions");
    assert_eq!(school.driver.post(&path, &school.positions(&[(1, 0.0)])).await.status, 409, "it has not begun");
    school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
    school.driver.post(&path, &school.positions(&[(30, 0.0)])).await.expect(200);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    school.driver.post(&path, &school.positions(&[(40, 0.01), (10, 0.02)])).await.expect(200);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 3);
    assert_eq!(school.told("transport:arrived").await, 1, "the first stop, while the trip ran");
}

#[tokio::test]
async fn what_is_no_position_is_refused_with_every_fault() {
    let school = School::open().await;
    let trip = school.start().await;
    let path = format!("{trip}/positions");
    let now = SystemClock.now();
    let bad = json!({"positions": [
        {"recorded_at": now, "latitude": 0, "longitude": 0},
        {"recorded_at": now + Duration::minutes(5), "latitude": 0, "longitude": 0},
        {"recorded_at": now, "latitude": 90.5, "longitude": -181, "speed_mps": -1, "heading_degrees": 360},
    ]});
    let answer = school.driver.post(&path, &bad).await;
    assert_eq!(answer.status, 422);
    for pointer in [
        "/positions/1/recorded_at",
        "/positions/2/latitude",
        "/positions/2/longitude",
        "/positions/2/speed_mps",
        "/positions/2/heading_degrees",
    ] {
        assert!(answer.pointers().contains(&pointer), "{pointer}: {:?}", answer.pointers());
    }
    assert_eq!(school.driver.post(&path, &json!({"positions": []})).await.status, 422);
    let many: Vec<Value> = (0..501).map(|n| json!({"recorded_at": now - Duration::seconds(n), "latitude": 0, "longitude": 0})).collect();
    assert_eq!(school.driver.post(&path, &json!({"positions": many})).await.status, 422);
    for who in [&school.other_driver, &school.outsider] {
        assert_eq!(who.post(&path, &school.positions(&[(1, 0.0)])).await.status, 404);
    }
    assert_eq!(school.parent.post(&path, &school.positions(&[(1, 0.0)])).await.status, 403);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 0);
}

#[tokio::test]
async fn arrivals_are_told_once_each_and_what_is_ahead_is_estimated() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    let path = format!("{trip}/positions");
    // At ten metres a second from the first stop to the second, told by many at once.
    let drive: Vec<(i64, f64)> = (0..=11).map(|n| (120 - n * 10, f64::from(i32::try_from(n).unwrap()) * 0.000_909)).collect();
    let body = school.positions(&drive);
    let answers = join_all((0..20).map(|_| school.driver.post(&path, &body))).await;
    assert_eq!(count(&answers, 200), 20, "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM bus_stop_visits").await, 2);
    assert_eq!(school.told("transport:arrived").await, 2);
    let eta = school.office.get(&format!("/api/v1/bus/routes/{}/eta", school.route)).await.expect(200);
    let stops = eta[0]["stops"].as_array().unwrap();
    let arrived: Vec<bool> = stops.iter().map(|stop| stop["has_arrived"].as_bool().unwrap()).collect();
    assert_eq!(arrived, [true, true, false, false]);
    let time = |stop: &Value| stop["expected_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    // 1,112 m, a third longer by road, at ten metres a second: about two and a half minutes.
    let way = time(&stops[2]) - time(&stops[1]);
    assert!((120..190).contains(&way.num_seconds()), "{way}");
    assert!(time(&stops[3]) > time(&stops[2]));
    // A parent sees the stop of their child, and of nobody else's.
    let own = school.parent.get(&format!("/api/v1/bus/routes/{}/eta", school.route)).await.expect(200);
    assert_eq!(own[0]["stops"].as_array().unwrap().iter().map(|stop| &stop["stop_id"]).collect::<Vec<_>>(), [&json!(school.stops[2])]);
    assert_eq!(school.other_parent.get(&format!("/api/v1/bus/routes/{}/eta", school.route)).await.status, 404);
}

#[tokio::test]
async fn a_late_bus_is_told_of_once() {
    let school = School::open().await;
    // Due at the first stop at midnight of yesterday: the bus is late whenever the test runs.
    let new = json!({"route_id": school.route, "direction": "pickup", "service_date": school.day(-1)});
    let trip = format!("/api/v1/bus/trips/{}", crate::school::made(&school.office, "/api/v1/bus/trips", &new).await);
    school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
    let bodies: Vec<Value> = (0..20).map(|n| school.positions(&[(20 - n, -0.01)])).collect();
    let path = format!("{trip}/positions");
    let answers = join_all(bodies.iter().map(|body| school.driver.post(&path, body))).await;
    assert_eq!(count(&answers, 200), 20, "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM bus_alerts WHERE kind = 'delay'").await, 1);
    assert_eq!(school.told("transport:delayed").await, 1);
}

#[tokio::test]
async fn a_position_after_the_trip_does_not_become_the_latest_when_the_memory_goes() {
    let school = School::open().await;
    let trip = school.start().await;
    let (path, shown) = (format!("{trip}/positions"), format!("{trip}/position"));
    school.driver.post(&path, &school.positions(&[(30, 0.0)])).await.expect(200);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    let before = school.office.get(&shown).await.expect(200);
    school.driver.post(&path, &school.positions(&[(20, 0.01), (0, 0.02)])).await.expect(200);
    for _ in 0..2 {
        let after = school.office.get(&shown).await.expect(200);
        assert_eq!((&after["recorded_at"], &after["longitude"]), (&before["recorded_at"], &json!(0.0)));
        school.saved().await;
        school.fleet.redis.flush().await;
    }
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 3);
}

#[tokio::test]
async fn how_a_trip_goes_is_worked_out_once_and_from_its_own_positions_alone() {
    use fred::interfaces::KeysInterface;
    let school = School::open().await;
    // A vehicle with a past: a position each second of a day, of a trip that is over.
    let past = json!({"route_id": school.route, "direction": "drop", "service_date": school.day(-1)});
    let past = crate::school::made(&school.office, "/api/v1/bus/trips", &past).await;
    school
        .sql(&format!(
            "INSERT INTO vehicle_positions (school_id, id, vehicle_id, trip_id, recorded_at, latitude, longitude)
             SELECT '{}', gen_random_uuid(), '{}', '{past}', now() - interval '2 days' + n * interval '1 second', 0, 0 FROM generate_series(1, 86400) n;
             ANALYZE vehicle_positions",
            school.id, school.vehicle
        ))
        .await;
    let planned = format!("/api/v1/bus/trips/{past}/position");
    assert_eq!(school.office.get(&planned).await.status, 404, "it has not begun, whatever is stored of it");
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(30, 0.0), (20, 0.001), (10, 0.002)])).await.expect(200);
    school.saved().await;
    let read =
        async || school.count("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'vehicle_positions'").await;
    let before = read().await;
    school.fleet.redis.flush().await;
    for _ in 0..3 {
        assert_eq!(school.office.get(&format!("{trip}/position")).await.expect(200)["longitude"], 0.002);
    }
    // It is kept: nobody works it out a second time.
    let key = format!("bus:trip:{}:{}", domain::Partition::of(school.id), trip.rsplit('/').next().unwrap());
    let kept: Option<String> = school.fleet.platform.redis().get(key).await.unwrap();
    assert!(kept.is_some_and(|kept| kept.starts_with("0\n")));
    // A connection tells what it has read when it has been idle for a while.
    let mut rows = 0;
    for _ in 0..300 {
        rows = read().await - before;
        if rows > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!((1..1000).contains(&rows), "{rows} rows were read for three positions");
    // What was kept moves on like any other.
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(1, 0.003)])).await.expect(200);
    assert_eq!(school.office.get(&format!("{trip}/position")).await.expect(200)["longitude"], 0.003);
}

#[tokio::test]
async fn positions_of_the_day_before_do_not_drive_todays_trip() {
    let school = School::open().await;
    let seat = school.seat(school.child, 3).await;
    school.parent.post("/api/v1/bus/alarms", &json!({"assignment_id": seat.body["id"], "minutes_before": 60})).await.expect(201);
    let trip = school.start().await;
    let backlog: Vec<(i64, f64)> = (0..=30).map(|n| (86_400 - n * 20, f64::from(i32::try_from(n).unwrap()) * 0.001)).collect();
    let answer = school.driver.post(&format!("{trip}/positions"), &school.positions(&backlog)).await.expect(200);
    assert_eq!((&answer["accepted"], &answer["latest_recorded_at"]), (&json!(31), &Value::Null));
    assert_eq!(school.office.get(&format!("{trip}/position")).await.status, 404);
    assert_eq!(school.count("SELECT count(*) FROM bus_stop_visits").await, 0);
    assert_eq!((school.told("transport:arrived").await, school.told("transport:alarm_rung").await), (0, 0));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 31);
}

#[tokio::test]
async fn where_a_bus_was_is_forgotten_after_ninety_days() {
    let school = School::open().await;
    let theirs = crate::school::made(&school.outsider, "/api/v1/bus/vehicles", &json!({"registration": "KA 77", "capacity": 3})).await;
    let past = |vehicle: &str, days: u32| {
        format!(
            "INSERT INTO vehicle_positions (school_id, id, vehicle_id, recorded_at, latitude, longitude)
             SELECT school_id, gen_random_uuid(), id, now() - interval '{days} days' + n * interval '1 second', 0, 0
             FROM vehicles, generate_series(0, 9) n WHERE id = '{vehicle}'"
        )
    };
    for (vehicle, days) in [(&school.vehicle, 91), (&school.vehicle, 89), (&theirs, 91), (&theirs, 400)] {
        school.sql(&past(vehicle, days)).await;
    }
    let rounds = join_all((0..5).map(|_| bus_route::sweep::sweep_once(&school.fleet.platform))).await;
    assert!(rounds.into_iter().all(|round| round.is_ok()));
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 10);
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions WHERE recorded_at < now() - interval '90 days'").await, 0);
}
