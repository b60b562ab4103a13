//! Questions in which something is dragged, selected or worked out, from the bank to the review.

use serde_json::{Value, json};

use crate::school::{Paper, School, png};

/// What a student is shown of the only question of an attempt.
fn asked(sitting: &crate::school::Sitting) -> &Value {
    &sitting.body["questions"][0]["question"]
}

fn key_of<'a>(list: &'a Value, text: &str) -> &'a str {
    let found = list.as_array().unwrap().iter().find(|part| part["text"] == text);
    found.unwrap_or_else(|| panic!("no {text} in {list:#}"))["key"].as_str().unwrap()
}

async fn paper_of(school: &School, question: &str) -> Paper {
    let mut settings = school.settings("One question");
    settings["max_attempts"] = Value::Null;
    let mut paper = school.draft(&settings, &[question.to_owned()]).await;
    school.publish(&mut paper).await;
    paper
}

#[tokio::test]
async fn words_are_selected_and_dragged_into_a_text() {
    let school = School::open().await;
    for kind in ["select_words", "drag_words"] {
        let answer = json!({"type": kind, "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 3}],
            "choices": [{"text": "cat"}, {"text": "dog"}, {"text": "mat", "group": 2}, {"text": "hat", "group": 2}]});
        let question = school.question(kind, answer).await;
        let paper = paper_of(&school, &question).await;
        let sitting = school.start(&school.student, &paper).await;
        let shown = asked(&sitting);
        assert_eq!(shown["type"], json!(kind));
        assert_eq!(shown["places"], json!([{"key": "1", "group": 1}, {"key": "2", "group": 2}]));
        let [cat, mat, dog] = ["cat", "mat", "dog"].map(|text| key_of(&shown["choices"], text));
        let slot = &paper.slots[0];
        let wrong_group = school.save(&school.student, &sitting, slot, &json!({"gaps": {"1": mat}})).await;
        assert_eq!((wrong_group.status, wrong_group.pointers()), (422, vec!["/response/gaps"]));
        let half = school.save(&school.student, &sitting, slot, &json!({"gaps": {"1": dog, "2": mat}})).await;
        half.expect(200);
        let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
        assert_eq!(submitted["score"], json!(0.5), "{kind}");
        let again = school.start(&school.student, &paper).await;
        school.save(&school.student, &again, slot, &json!({"gaps": {"1": cat, "2": mat}})).await.expect(200);
        school.student.post(&format!("{}/submit", again.path), &json!({})).await.expect(200);
        assert_eq!(school.score(&again).await, json!(1));
        let review = school.teacher.get(&format!("{}/review", again.path)).await.expect(200);
        assert_eq!(review["answers"][0]["right_answer"], json!({"gaps": {"1": cat, "2": mat}}));
    }
    school.saved().await;
}

#[tokio::test]
async fn things_are_dragged_onto_a_picture_and_markers_put_on_one() {
    let school = School::open().await;
    let picture = json!({"name": "map.png", "data": png(320, 200)});
    let answer = json!({"type": "drag_onto_picture", "picture": picture, "places": [{"at": {"x": 1, "y": 2}, "choice": 2}, {"at": {"x": 90, "y": 9}, "choice": 1}],
        "choices": [{"text": "Berne"}, {"text": "Basle", "picture": {"name": "b.png", "data": png(8, 8)}}]});
    let question = school.question("map", answer).await;
    let paper = paper_of(&school, &question).await;
    let sitting = school.start(&school.student, &paper).await;
    let shown = asked(&sitting);
    assert_eq!(shown["picture"]["data"], json!(png(320, 200)));
    let (berne, basle) = (key_of(&shown["choices"], "Berne"), key_of(&shown["choices"], "Basle"));
    let [first, second] = [0, 1].map(|at| shown["places"][at]["key"].as_str().unwrap());
    let twice = school.save(&school.student, &sitting, &paper.slots[0], &json!({"matches": {first: basle, second: basle}})).await;
    assert_eq!((twice.status, twice.pointers()), (422, vec!["/response/matches"]), "there is one of it");
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"matches": {first: basle, second: berne}})).await.expect(200);
    assert_eq!(school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200)["score"], json!(1));

    let answer = json!({"type": "drag_markers", "picture": picture,
        "zones": [{"shape": {"kind": "circle", "x": 50, "y": 50, "radius": 10}, "marker": 1},
            {"shape": {"kind": "polygon", "points": [{"x": 100, "y": 100}, {"x": 150, "y": 100}, {"x": 125, "y": 150}]}, "marker": 2}],
        "markers": [{"text": "nucleus"}, {"text": "wall", "count": 3}]});
    let question = school.question("cell", answer).await;
    let paper = paper_of(&school, &question).await;
    let sitting = school.start(&school.student, &paper).await;
    let shown = asked(&sitting);
    let (nucleus, wall) = (key_of(&shown["choices"], "nucleus"), key_of(&shown["choices"], "wall"));
    let at = |x: i32, y: i32| json!({"x": x, "y": y});
    let many = json!({"markers": {nucleus: [at(1, 1), at(2, 2)]}});
    assert_eq!(school.save(&school.student, &sitting, &paper.slots[0], &many).await.pointers(), ["/response/markers"]);
    // Two of the three markers hit, one is a marker too many: two of three.
    let given = json!({"markers": {nucleus: [at(55, 55)], wall: [at(125, 120), at(300, 10)]}});
    school.save(&school.student, &sitting, &paper.slots[0], &given).await.expect(200);
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(0.6667));
    school.saved().await;
}

#[tokio::test]
async fn each_attempt_draws_its_numbers_once_and_keeps_them_whatever_becomes_of_the_question() {
    let school = School::open().await;
    let values: Vec<u32> = (1..=50).collect();
    let answer = |formula: &str| {
        json!({"type": "calculated", "accepted": [{"formula": formula, "tolerance": "0.01", "tolerance_kind": "relative"}],
            "wildcards": [{"name": "a", "values": values}]})
    };
    let question = school.question("calculated", answer("{a} * 3")).await;
    let paper = paper_of(&school, &question).await;
    let mut stems = std::collections::HashSet::new();
    let mut first = None;
    for n in 0..4 {
        let sitting = school.start(&school.student, &paper).await;
        let stem = asked(&sitting)["stem"].as_str().unwrap().to_owned();
        let again = school.student.get(&sitting.path).await.expect(200);
        assert_eq!(again["questions"][0]["question"]["stem"], json!(stem), "the numbers stay");
        let a: u32 = stem.trim_start_matches("Three times ").trim_end_matches('.').parse().unwrap();
        stems.insert(a);
        school.save(&school.student, &sitting, &paper.slots[0], &json!({"number": (a * 3).to_string()})).await.expect(200);
        let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
        assert_eq!(submitted["score"], json!(1), "{a}");
        if n == 0 {
            first = Some((sitting, a));
        }
    }
    assert!(stems.len() > 1, "not everybody gets the same: {stems:?}");
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM quiz_answers WHERE (numbers->>'a')::int BETWEEN 1 AND 50").await, 4);
    // A new version with another formula and other data: marks follow the formula, the numbers are those that the student saw.
    let mut content = json!({"name": "calculated", "stem": "Three times {a}.", "answer": answer("{a} * 3 + 1000")});
    content["answer"]["wildcards"][0]["values"] = json!([7]);
    let change = json!({"content": content, "publish": true});
    school.teacher.patch(&format!("/api/v1/questions/{question}"), "\"v1\"", &change).await.expect(200);
    let slot = format!("{}/slots/{}", paper.path, paper.slots[0]);
    school.teacher.patch(&slot, &paper.etag, &json!({"question_version": 2})).await.expect(200);
    school.teacher.post(&format!("{}/regrade", paper.path), &json!({})).await.expect(200);
    let (sitting, a) = first.unwrap();
    assert_eq!(school.score(&sitting).await, json!(0));
    let review = school.teacher.get(&format!("{}/review", sitting.path)).await.expect(200);
    assert_eq!(review["answers"][0]["question"]["stem"], json!(format!("Three times {a}.")));
    assert_eq!(review["answers"][0]["right_answer"]["number"], json!((a * 3).to_string()), "by the version that was seen");
}

#[tokio::test]
async fn every_fault_of_these_types_is_named() {
    let school = School::open().await;
    for (answer, pointer) in [
        (
            json!({"type": "drag_words", "places": [{"key": "1", "choice": 9}, {"key": "2", "choice": 1}], "choices": [{"text": "a"}]}),
            "/content/answer/places/0/choice",
        ),
        (
            json!({"type": "drag_words", "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 1}], "choices": [{"text": "a"}]}),
            "/content/answer/places/1/choice",
        ),
        (
            json!({"type": "select_words", "places": [{"key": "7", "choice": 1}], "choices": [{"text": "a"}]}),
            "/content/answer/places/0/key",
        ),
        (
            json!({"type": "drag_markers", "picture": {"name": "x.svg", "data": "PHN2Zz4="}, "zones": [{"shape": {"kind": "circle", "x": 1, "y": 1, "radius": 1}, "marker": 1}], "markers": [{"text": "m"}]}),
            "/content/answer/picture/data",
        ),
        (
            json!({"type": "drag_markers", "picture": {"name": "x.png", "data": png(10, 10)}, "zones": [{"shape": {"kind": "circle", "x": 11, "y": 1, "radius": 1}, "marker": 1}], "markers": [{"text": "m"}]}),
            "/content/answer/zones/0/shape",
        ),
        (
            json!({"type": "drag_onto_picture", "picture": {"name": "x.png", "data": png(10, 10)}, "places": [{"at": {"x": 50, "y": 1}, "choice": 1}], "choices": [{"text": "m"}]}),
            "/content/answer/places/0/at",
        ),
        (
            json!({"type": "calculated", "accepted": [{"formula": "__import__('os')"}], "wildcards": [{"name": "a", "values": [1]}]}),
            "/content/answer/accepted/0/formula",
        ),
        (
            json!({"type": "calculated", "accepted": [{"formula": "1/({a}-2)"}], "wildcards": [{"name": "a", "values": [1, 2]}]}),
            "/content/answer/accepted/0/formula",
        ),
        (
            json!({"type": "calculated", "accepted": [{"formula": format!("{}1", "(".repeat(400))}], "wildcards": [{"name": "a", "values": [1, 2]}]}),
            "/content/answer/accepted/0/formula",
        ),
    ] {
        let stem = "A {{1}}, a {{2}}.";
        let body = json!({"category_id": school.category, "content": {"name": "n", "stem": stem, "answer": answer}});
        let refused = school.teacher.post("/api/v1/questions", &body).await;
        assert_eq!(refused.status, 422, "{answer}");
        assert!(refused.pointers().contains(&pointer), "{pointer}: {:#}", refused.body);
    }
}
