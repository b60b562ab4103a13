//! A quiz from beginning to end.

use serde_json::{Value, json};

use crate::school::School;

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one story, from the question to the statistics")]
async fn a_quiz_of_every_type_is_set_sat_marked_and_reviewed() {
    let school = School::open().await;
    let option = |text: &str, fraction: f64| json!({"text": text, "fraction": fraction, "feedback": "SECRET hint"});
    let mut ids = Vec::new();
    for (name, answer) in [
        ("single", json!({"type": "single_choice", "options": [option("four", 1.0), option("five", 0.0), option("six", -0.5)]})),
        ("multiple", json!({"type": "multiple_choice", "options": [option("two", 0.5), option("three", 0.5), option("nine", -0.5)]})),
        ("truth", json!({"type": "true_false", "correct": true})),
        ("short", json!({"type": "short_answer", "accepted": [{"text": "Par*s"}]})),
        (
            "numerical",
            json!({"type": "numerical", "accepted": [{"value": "9.81", "tolerance": "0.02"}],
            "units": [{"symbol": "m/s2", "per_first": 1}, {"symbol": "cm/s2", "per_first": 100}]}),
        ),
        (
            "matching",
            json!({"type": "matching", "pairs": [{"premise": "France", "target": "Paris"}, {"premise": "Spain", "target": "Madrid"}],
            "distractors": [{"text": "Rome"}]}),
        ),
        ("ordering", json!({"type": "ordering", "items": [{"text": "one"}, {"text": "two"}, {"text": "three"}]})),
        ("cloze", json!({"type": "cloze", "gaps": [{"key": "1", "blank": {"kind": "text", "accepted": [{"text": "Paris"}]}}]})),
        ("essay", json!({"type": "essay", "min_words": 2, "marking_guide": "SECRET guide"})),
        ("text", json!({"type": "description"})),
    ] {
        ids.push(school.question(name, answer).await);
    }
    let mut paper = school.draft(&school.settings("Everything"), &ids).await;
    school.publish(&mut paper).await;
    let shown = school.student.get(&paper.path).await.expect(200);
    assert_eq!((&shown["question_count"], &shown["max_points"]), (&json!(10), &json!(9)));

    let sitting = school.start(&school.student, &paper).await;
    assert!(!sitting.body.to_string().contains("SECRET") && !sitting.body.to_string().contains("fraction"), "{:#}", sitting.body);
    let by_kind = |kind: &str| {
        let questions = sitting.body["questions"].as_array().unwrap();
        questions.iter().find(|question| question["question"]["type"] == kind).unwrap().clone()
    };
    let slot = |kind: &str| by_kind(kind)["slot_id"].as_str().unwrap().to_owned();
    let part = |kind: &str, list: &str, text: &str| {
        let parts = by_kind(kind)["question"][list].as_array().unwrap().clone();
        parts.iter().find(|part| part["text"] == text).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let matches: Value = [("France", "Paris"), ("Spain", "Rome")]
        .iter()
        .map(|(premise, target)| (part("matching", "premises", premise), json!(part("matching", "targets", target))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let order = ["one", "two", "three"].map(|text| part("ordering", "options", text));
    for (kind, response) in [
        ("single_choice", json!({"keys": [part("single_choice", "options", "four")]})),
        ("multiple_choice", json!({"keys": [part("multiple_choice", "options", "two")]})),
        ("true_false", json!({"is_true": false})),
        ("short_answer", json!({"text": " paris "})),
        ("numerical", json!({"number": "982 cm/s2"})),
        ("matching", json!({"matches": matches})),
        ("ordering", json!({"keys": order})),
        ("cloze", json!({"gaps": {"1": "PARIS"}})),
        ("essay", json!({"text": "Once upon a time."})),
    ] {
        let saved = school.save(&school.student, &sitting, &slot(kind), &response).await;
        assert_eq!((saved.status, &saved.body["response"]), (200, &response), "{kind}: {:#}", saved.body);
    }
    let again = school.student.get(&sitting.path).await.expect(200);
    assert_eq!(again["questions"][3]["response"], json!({"text": " paris "}), "what was saved is there when the page is loaded again");

    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!((&submitted["state"], &submitted["score"]), (&json!("submitted"), &Value::Null), "the essay waits: {submitted:#}");
    let twice = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(twice, submitted, "submitting again changes nothing");
    assert_eq!(school.save(&school.student, &sitting, &slot("essay"), &json!({"text": "more"})).await.status, 409);

    let review = school.student.get(&format!("{}/review", sitting.path)).await.expect(200);
    let mark = |review: &Value, kind: &str| {
        let answers = review["answers"].as_array().unwrap();
        answers.iter().find(|answer| answer["question"]["type"] == kind).unwrap()["mark"].clone()
    };
    for (kind, earned) in [
        ("single_choice", json!(1)),
        ("multiple_choice", json!(0.5)),
        ("true_false", json!(0)),
        ("short_answer", json!(1)),
        ("numerical", json!(1)),
        ("matching", json!(0.5)),
        ("ordering", json!(1)),
        ("cloze", json!(1)),
        ("essay", Value::Null),
        ("description", json!(0)),
    ] {
        assert_eq!(mark(&review, kind), earned, "{kind}");
    }
    assert!(review["answers"].as_array().unwrap().iter().all(|answer| answer.get("right_answer").is_none()), "the quiz is still open");

    let waiting = school.teacher.get(&format!("{}/slots/{}/answers?blind=true", paper.path, slot("essay"))).await.expect(200);
    let essay = &waiting["items"][0];
    assert_eq!((waiting["items"].as_array().unwrap().len(), &essay["student_id"]), (1, &Value::Null), "{waiting:#}");
    assert_eq!(essay["answer"]["marking_guide"], "SECRET guide");
    let grade = format!("{}/answers/{}/grade", sitting.path, slot("essay"));
    let tag = format!("\"v{}\"", essay["answer"]["version"]);
    school.teacher.patch(&grade, &tag, &json!({"mark": 0.75, "comment": "Good."})).await.expect(200);
    let results = school.teacher.get(&format!("{}/results", paper.path)).await.expect(200);
    assert_eq!((&results["results"][0]["result"], &results["mean"]), (&json!(6.75), &json!(6.75)), "{results:#}");
    let own = school.student.get(&format!("{}/results", paper.path)).await.expect(200);
    assert_eq!((&own["results"][0]["result"], &own["mean"]), (&json!(6.75), &Value::Null));
    let closed = school.teacher.post_if(&format!("{}/close", paper.path), &paper.etag, &json!({})).await;
    closed.expect(200);
    let review = school.student.get(&format!("{}/review", sitting.path)).await.expect(200);
    assert_eq!(review["answers"][2]["right_answer"], json!({"is_true": true}), "now it is over: {review:#}");
    let statistics = school.teacher.get(&format!("{}/statistics", paper.path)).await.expect(200);
    assert_eq!((&statistics["n"], &statistics["mean"], &statistics["items"][0]["facility"]), (&json!(1), &json!(6.75), &json!(1.0)));
    assert_eq!(school.teacher.get(&format!("{}/statistics", paper.path)).await.expect(200), statistics, "found, not computed again");

    school.saved().await;
    let sums = "SELECT count(*) FROM quiz_attempts a WHERE a.score = (SELECT sum(mark) FROM quiz_answers w WHERE w.attempt_id = a.id)";
    assert_eq!((school.count(sums).await, school.count("SELECT count(*) FROM quiz_answers WHERE state = 'marked'").await), (1, 10));
}

#[tokio::test]
async fn the_routes_of_the_brief_start_submit_and_show_results() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Three routes"), 3).await;
    let nothing = school.student.send(school.student.request(reqwest::Method::POST, &format!("{}/start", paper.path))).await;
    assert_eq!(nothing.status, 201, "a body is not needed: {:#}", nothing.body);
    let answers = paper.slots.iter().map(|slot| json!({"slot_id": slot, "response": {"is_true": true}})).collect::<Vec<_>>();
    let submit = format!("{}/submit", paper.path);
    let submitted = school.student.post(&submit, &json!({"answers": answers})).await.expect(200);
    assert_eq!((&submitted["state"], &submitted["score"]), (&json!("graded"), &json!(3)));
    assert_eq!(school.student.post(&submit, &json!({"answers": answers})).await.expect(200), submitted);
    let results = school.student.get(&format!("{}/results", paper.path)).await.expect(200);
    assert_eq!((&results["results"][0]["result"], &results["results"][0]["fraction"]), (&json!(3), &json!(1)));
    assert_eq!(school.classmate.post(&submit, &json!({})).await.status, 409, "who has not begun can't submit");
}
