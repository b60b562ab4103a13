//! Lists: saved and unsaved rows as one, page by page.

use serde_json::{Value, json};

use crate::school::School;

async fn titles(school: &School, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = school.teacher.get(&path).await;
        let link = answer.header("link").to_owned();
        let page = answer.expect(200);
        all.extend(page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        next = link.strip_prefix('<').and_then(|link| link.split('>').next()).map(str::to_owned);
        assert_eq!(next.is_some(), page["next_cursor"].is_string());
    }
    all
}

#[tokio::test]
async fn pages_hold_every_row_once_newest_first_whether_saved_or_not() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let drain = async || {
        let drains: Vec<std::sync::Arc<dyn write_behind::Drain>> = (homework::SERVICE.drains)();
        let postgres = school.fleet.platform.batch_postgres().clone();
        let processor = write_behind::Processor::new(
            school.fleet.platform.redis().clone(),
            postgres,
            drains,
            write_behind::ProcessorSettings::default(),
        );
        processor.run_once().await.unwrap()
    };
    let mut expected = Vec::new();
    for n in 0..12 {
        let draft = school.draft(&format!("{n}")).await;
        expected.insert(0, format!("{n}"));
        // Some are saved, some saved and then changed, some are unsaved.
        if n == 5 {
            drain().await;
        }
        if n == 3 || n == 9 {
            let path = draft.header("location").to_owned();
            school.teacher.patch(&path, &draft.etag(), &json!({"title": format!("{n} changed")})).await.expect(200);
            expected[0] = format!("{n} changed");
        }
    }
    for limit in [1, 2, 5, 12, 200] {
        assert_eq!(titles(&school, &format!("/api/v1/homework?limit={limit}")).await, expected, "limit {limit}");
    }
    drain().await;
    assert_eq!(titles(&school, "/api/v1/homework?limit=5").await, expected);
}

#[tokio::test]
async fn filters_hold_for_unsaved_rows_as_for_saved_ones() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    school.draft("a draft").await;
    school.given(&school.assignment("given", 3)).await;
    let status = |status: &str| format!("/api/v1/homework?status={status}");
    assert_eq!(titles(&school, &status("draft")).await, ["a draft"]);
    assert_eq!(titles(&school, &status("published")).await, ["given"]);
    let soon = (domain::Clock::now(&domain::SystemClock) + chrono::Duration::days(5)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(titles(&school, &format!("/api/v1/homework?due_before={soon}")).await, ["given"]);
    assert_eq!(titles(&school, &format!("/api/v1/homework?due_from={soon}")).await, ["a draft"]);
    assert_eq!(titles(&school, &format!("/api/v1/homework?class_id={}", school.class)).await.len(), 2);
}

#[tokio::test]
async fn a_cursor_that_was_edited_or_belongs_to_another_list_is_refused() {
    let school = School::open().await;
    for n in 0..3 {
        school.draft(&n.to_string()).await;
    }
    let page = school.teacher.get("/api/v1/homework?limit=1").await.expect(200);
    let Value::String(cursor) = &page["next_cursor"] else { panic!("{page}") };
    let edited = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    for (who, query) in [
        (&school.teacher, format!("limit=1&cursor={edited}")),
        (&school.teacher, format!("limit=1&status=draft&cursor={cursor}")),
        (&school.office, format!("limit=1&cursor={cursor}")),
        (&school.teacher, "cursor=".to_owned()),
        (&school.teacher, format!("cursor={}", "x".repeat(5_000))),
    ] {
        let answer = who.get(&format!("/api/v1/homework?{query}")).await;
        assert_eq!(
            (answer.status, answer.body["type"].as_str()),
            (400, Some("/docs/problems#invalid-cursor")),
            "{query}: {:#}",
            answer.body
        );
    }
}
