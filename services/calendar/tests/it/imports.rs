//! Files of others, taken in.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api};

use crate::school::{School, starts, titles};

const FILE: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Elsewhere//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nEND:VTIMEZONE\r\n\
BEGIN:VEVENT\r\nUID:series@elsewhere.example\r\nSUMMARY:Swimming\\, every week\r\nDTSTART;TZID=Europe/Berlin:20261012T100000\r\n\
DURATION:PT45M\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE;TZID=Europe/Berlin:20261019T100000\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:series@elsewhere.example\r\nSUMMARY:Swimming\\, moved\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261026T100000\r\n\
DTSTART;TZID=Europe/Berlin:20261027T110000\r\nDTEND;TZID=Europe/Berlin:20261027T114500\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:day@elsewhere.example\r\nSUMMARY:A very lon\r\n g day\r\nDTSTART;VALUE=DATE:20261103\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:endless@elsewhere.example\r\nSUMMARY:For ever\r\nDTSTART;VALUE=DATE:20261103\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n\
BEGIN:VTODO\r\nUID:todo@elsewhere.example\r\nEND:VTODO\r\n\
BEGIN:VEVENT\r\nUID:nowhere@elsewhere.example\r\nSUMMARY:Lost\r\nDTSTART;TZID=Nowhere:20261103T100000\r\nDURATION:PT1H\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nSUMMARY:Nameless\r\nDTSTART:20261103T100000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

async fn import(who: &Api, query: &str, file: &str) -> Answer {
    let request = who.request(Method::POST, &format!("/api/v1/calendar/imports{query}"));
    who.send(request.header("Content-Type", "text/calendar; charset=utf-8").body(file.to_owned())).await
}

fn counts(report: &Value) -> [i64; 4] {
    ["created", "updated", "unchanged", "refused"].map(|name| report[name].as_i64().unwrap())
}

#[tokio::test]
async fn what_can_be_taken_is_and_of_the_rest_is_told_why_not() {
    let school = School::open().await;
    let dry = import(&school.office, "?dry_run=true", FILE).await.expect(200);
    assert_eq!(counts(&dry), [2, 1, 0, 4], "{dry:#}");
    assert_eq!(school.shown(&school.student, "2026-10-01", "2026-11-30").await.len(), 0, "nothing was written");
    let report = import(&school.office, "", FILE).await.expect(200);
    assert_eq!(counts(&report), [2, 1, 0, 4], "{report:#}");
    let reasons: Vec<_> = report["events"].as_array().unwrap().iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(
        reasons,
        ["rrule must have an end: COUNT, or else UNTIL", "VTODO is not supported", "its time zone is no IANA zone", "has no UID"]
    );
    for _ in 0..2 {
        let shown = school.shown(&school.student, "2026-10-01", "2026-11-30").await;
        assert_eq!(titles(&shown), ["Swimming, every week", "Swimming, moved", "Swimming, every week", "A very long day"]);
        assert_eq!(starts(&shown[..3]), ["2026-10-12T08:00:00Z", "2026-10-27T10:00:00Z", "2026-11-02T09:00:00Z"]);
        school.saved().await;
    }
    // The same file again changes nothing; another version of it changes what is other.
    assert_eq!(counts(&import(&school.office, "", FILE).await.expect(200)), [0, 0, 3, 4]);
    let later = FILE.replace("A very lon\r\n g day", "A short day");
    assert_eq!(counts(&import(&school.office, "", &later).await.expect(200)), [0, 1, 2, 4]);
    let off = FILE.replace("SUMMARY:A very lon\r\n g day\r\n", "SUMMARY:A short day\r\nSTATUS:CANCELLED\r\nSEQUENCE:5\r\n");
    assert_eq!(counts(&import(&school.office, "", &off).await.expect(200)), [0, 1, 2, 4]);
    assert_eq!(school.shown(&school.student, "2026-11-03", "2026-11-03").await.len(), 0);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 3);
}

#[tokio::test]
async fn an_import_is_for_a_class_and_of_a_kind_if_one_says_so() {
    let school = School::open().await;
    let day = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Day off\nDTSTART;VALUE=DATE:20261103\nEND:VEVENT\nEND:VCALENDAR";
    import(&school.office, &format!("?kind=holiday&class_id={}", school.class), day).await.expect(200);
    assert_eq!(school.shown(&school.parent, "2026-11-03", "2026-11-03").await[0]["kind"], "holiday");
    assert_eq!(school.shown(&school.other_parent, "2026-11-03", "2026-11-03").await.len(), 0);
    let refused = import(&school.office, "?class_id=01990000-0000-7000-8000-000000000000", day).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["query:class_id"]));
    let series = FILE.replace("RRULE:FREQ=YEARLY\r\n", "RRULE:FREQ=YEARLY;COUNT=3\r\n");
    let report = import(&school.office, "?kind=holiday", &series).await.expect(200);
    assert_eq!(report["created"], 1, "holidays have whole days, and no rule: {report:#}");
}

#[tokio::test]
async fn what_a_feed_gives_out_is_known_again() {
    let school = School::open().await;
    school.put_in(&school.office, &School::series()).await;
    let made = school.office.post("/api/v1/calendar/feeds", &json!({})).await.expect(201);
    let feed = school.fleet.anonymous().get(made["path"].as_str().unwrap()).await;
    let report = import(&school.office, "", feed.body.as_str().unwrap()).await.expect(200);
    assert_eq!((counts(&report), &report["events"][0]["reason"]), ([0, 0, 0, 1], &json!("is an event of this calendar's own")));
}

#[tokio::test]
async fn what_is_no_calendar_is_refused_whole() {
    let school = School::open().await;
    assert_eq!(import(&school.teacher, "", FILE).await.status, 403);
    assert_eq!(import(&school.office, "", "hello").await.status, 400);
    assert_eq!(import(&school.office, "", "").await.status, 400);
    assert_eq!(import(&school.office, "", &format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(50_000))).await.status, 400);
    assert_eq!(import(&school.office, "", &"x".repeat(1024 * 1024 + 1)).await.status, 413);
    let as_json = school.office.post("/api/v1/calendar/imports", &json!({})).await;
    assert_eq!(as_json.status, 415);
    let bytes =
        school.office.request(Method::POST, "/api/v1/calendar/imports").header("Content-Type", "text/calendar").body(vec![0xff, 0xfe]);
    assert_eq!(school.office.send(bytes).await.status, 400);
}

#[tokio::test]
async fn a_file_that_is_a_bomb_costs_little_and_the_service_goes_on_meanwhile() {
    let school = School::open().await;
    let exceptions = "EXDATE:20260102T090000Z,20990101T090000Z\r\n".repeat(20_000);
    let many: Vec<String> = (0..300)
        .map(|n| format!("BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:x\r\nDTSTART:20260101T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=2500\r\nEND:VEVENT\r\n"))
        .collect();
    let bomb = format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:e\r\nSUMMARY:x\r\nDTSTART:20260101T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=2500\r\n{exceptions}END:VEVENT\r\n{}END:VCALENDAR\r\n",
        many.concat()
    );
    let started = std::time::Instant::now();
    let (report, meanwhile) = tokio::join!(import(&school.office, "?dry_run=true", &bomb), async {
        let began = std::time::Instant::now();
        assert_eq!(school.student.get("/api/v1/calendar/months/2026-10").await.status, 200);
        began.elapsed()
    });
    assert_eq!(counts(&report.expect(200)), [20, 0, 0, 281]);
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(meanwhile < std::time::Duration::from_secs(10), "{meanwhile:?}");
}

#[tokio::test]
async fn times_that_float_are_the_schools_and_those_of_no_known_zone_are_refused() {
    let school = School::open().await;
    let event =
        |uid: &str, start: &str| format!("BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{uid}\r\nDTSTART{start}\r\nDURATION:PT1H\r\nEND:VEVENT\r\n");
    let file = format!(
        "BEGIN:VCALENDAR\r\n{}{}{}{}END:VCALENDAR\r\n",
        event("summer", ":20260701T090000"),
        event("winter", ":20261201T090000"),
        event("away", ";TZID=America/New_York:20261201T090000"),
        event("nowhere", ";TZID=Customized Time Zone:20261201T090000")
    );
    let report = import(&school.office, "", &file).await.expect(200);
    assert_eq!((counts(&report), &report["events"][3]["reason"]), ([3, 0, 0, 1], &json!("its time zone is no IANA zone")));
    assert_eq!(starts(&school.shown(&school.student, "2026-07-01", "2026-07-01").await), ["2026-07-01T08:00:00Z"]);
    assert_eq!(starts(&school.shown(&school.student, "2026-12-01", "2026-12-01").await), ["2026-12-01T09:00:00Z", "2026-12-01T14:00:00Z"]);
}

#[tokio::test]
async fn of_two_imports_at_once_nothing_is_doubled() {
    let school = School::open().await;
    let (a, b) = tokio::join!(import(&school.office, "", FILE), import(&school.office, "", FILE));
    assert_eq!((a.status, b.status), (200, 200));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 3);
}

#[tokio::test]
async fn a_file_that_is_older_than_what_is_here_moves_no_occurrence_back() {
    let school = School::open().await;
    let file = |sequence: u32, day: u32| {
        format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:s@elsewhere.example\r\nSUMMARY:Swimming\r\nDTSTART:20261012T100000Z\r\nDURATION:PT45M\r\n\
             RRULE:FREQ=WEEKLY;COUNT=4\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:s@elsewhere.example\r\nSUMMARY:Swimming\r\nSEQUENCE:{sequence}\r\n\
             RECURRENCE-ID:20261019T100000Z\r\nDTSTART:202610{day}T110000Z\r\nDURATION:PT45M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    let sequence = async || {
        school.saved().await;
        school.count("SELECT sequence::bigint FROM calendar_events WHERE master_event_id IS NOT NULL").await
    };
    assert_eq!(counts(&import(&school.office, "", &file(5, 20)).await.expect(200)), [1, 1, 0, 0]);
    assert_eq!(sequence().await, 5, "the number is the file's");
    for query in ["?dry_run=true", ""] {
        let old = import(&school.office, query, &file(3, 21)).await.expect(200);
        assert_eq!((counts(&old), &old["events"][1]["reason"]), ([0, 0, 1, 1], &json!("is older than what is here")));
    }
    let shown = || school.shown(&school.student, "2026-10-19", "2026-10-25");
    assert_eq!((starts(&shown().await), sequence().await), (vec!["2026-10-20T11:00:00Z"], 5), "it stays where it was");
    assert_eq!(counts(&import(&school.office, "", &file(9, 22)).await.expect(200)), [0, 1, 1, 0]);
    assert_eq!((starts(&shown().await), sequence().await), (vec!["2026-10-22T11:00:00Z"], 9));
    // What is moved here is newer than what the file said.
    let series = school.shown(&school.office, "2026-10-12", "2026-10-12").await[0]["event_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/events/{series}/occurrences/20261019T100000");
    let moved = json!({"starts_at": "2026-10-23T10:00:00Z", "ends_at": "2026-10-23T10:45:00Z"});
    let moved = school.office.patch(&path, &school.office.get(&path).await.etag(), &moved).await;
    assert_eq!((moved.status, &moved.body["sequence"]), (200, &json!(10)), "{:#}", moved.body);
    assert_eq!(counts(&import(&school.office, "", &file(9, 24)).await.expect(200)), [0, 0, 1, 1]);
}
