//! What is put where, and what it earns.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::asked::right_answer;
use crate::model::grade::{Outcome, grade, guess_score};
use crate::model::response::Response;
use crate::model::testing::one_of_each;

fn dragged() -> Spec {
    serde_json::from_value(json!({"type": "drag_words", "places": [{"key": "1", "choice": 2}, {"key": "2", "choice": 1}, {"key": "3", "choice": 2}],
        "choices": [{"key": "a", "text": "cat"}, {"key": "b", "text": "dog", "unlimited": true}, {"key": "c", "text": "cat"}, {"key": "d", "text": "red", "group": 2}]}))
    .unwrap()
}

fn gaps(pairs: &[(&str, &str)]) -> Response {
    Response { gaps: Some(pairs.iter().map(|(place, key)| ((*place).to_owned(), (*key).to_owned())).collect()), ..Response::default() }
}

#[test]
fn each_place_counts_alike_and_what_looks_alike_is_alike() {
    let spec = dragged();
    let earned = |pairs: &[(&str, &str)]| match grade(&spec, Some(&gaps(pairs))) {
        Outcome::Earned(earned) => earned.as_f64(),
        other => panic!("{other:?}"),
    };
    assert!((earned(&[("1", "b"), ("2", "a"), ("3", "b")]) - 1.0).abs() < 1e-9);
    assert!((earned(&[("1", "b"), ("2", "c"), ("3", "b")]) - 1.0).abs() < 1e-9, "there are two cats, and nobody can tell which is which");
    assert!((earned(&[("1", "b"), ("2", "b")]) - 0.333_333_3).abs() < 1e-9);
    // Of three in the group two are cats and one is a dog: (1/3 + 2/3 + 1/3) / 3.
    assert!((guess_score(&spec).unwrap() - 4.0 / 9.0).abs() < 1e-12);
}

#[test]
fn an_answer_uses_what_there_is_and_where_it_goes() {
    let spec = dragged();
    let faults = |pairs: &[(&str, &str)]| gaps(pairs).check(&spec).err().unwrap_or_default().len();
    assert_eq!(faults(&[("1", "b"), ("3", "b"), ("2", "")]), 0, "as often as one likes");
    assert_eq!(faults(&[("1", "a"), ("2", "a")]), 1, "there is one");
    assert_eq!(faults(&[("1", "d")]), 1, "another group");
    assert_eq!(faults(&[("1", "x"), ("9", "a")]), 2);
    let select: Spec =
        serde_json::from_value(json!({"type": "select_words", "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 1}],
        "choices": [{"key": "a", "text": "x"}, {"key": "b", "text": "y"}]}))
        .unwrap();
    assert_eq!(gaps(&[("1", "a"), ("2", "a")]).check(&select), Ok(()), "a list offers it again");
}

fn marks(zones: &serde_json::Value, given: &serde_json::Value) -> f64 {
    let zones: Vec<Zone> = serde_json::from_value(zones.clone()).unwrap();
    let markers: Vec<Marker> =
        serde_json::from_value(json!([{"key": "a", "text": "A", "count": 0}, {"key": "b", "text": "B", "count": 0}])).unwrap();
    grade_markers(&zones, &markers, &serde_json::from_value(given.clone()).unwrap()).as_f64()
}

#[test]
fn a_marker_counts_for_one_zone_and_too_many_cost() {
    let circle =
        |x: i32, radius: i32, marker: u16| json!({"shape": {"kind": "circle", "x": x, "y": 10, "radius": radius}, "marker": marker});
    let at = |x: i32| json!({"x": x, "y": 10});
    let zones = json!([circle(10, 5, 1), circle(30, 5, 2)]);
    for (given, earned) in [
        (json!({"a": [at(10)], "b": [at(30)]}), 1.0),
        (json!({"a": [at(30)], "b": [at(10)]}), 0.0),
        (json!({"a": [at(10)]}), 0.5),
        (json!({"a": [at(10), at(11), at(12)], "b": [at(30)]}), 0.5),
        (json!({}), 0.0),
    ] {
        assert!((marks(&zones, &given) - earned).abs() < 1e-9, "{given}");
    }
    // A large zone around a small one: the marker in both goes to the small one, since the other can only go to the large one.
    let nested = json!([circle(10, 50, 1), circle(10, 5, 1)]);
    assert!((marks(&nested, &json!({"a": [at(10), at(40)]})) - 1.0).abs() < 1e-9);
    assert!((marks(&nested, &json!({"a": [at(40), at(10)]})) - 1.0).abs() < 1e-9, "in whatever order");
}

proptest! {
    /// The most zones that can be hit, tried out one by one, for few enough of them.
    #[test]
    fn as_many_zones_are_hit_as_can_be(reach in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 4), 0..5)) {
        fn best(zones: &[Vec<bool>], used: &mut Vec<bool>) -> usize {
            let Some((zone, rest)) = zones.split_first() else { return 0 };
            let mut most = best(rest, used);
            for item in 0..4 {
                if zone[item] && !used[item] {
                    used[item] = true;
                    most = most.max(1 + best(rest, used));
                    used[item] = false;
                }
            }
            most
        }
        let lists: Vec<Vec<usize>> = reach.iter().map(|zone| (0..4).filter(|item| zone[*item]).collect()).collect();
        let mut owner = vec![None; 4];
        let hit = (0..lists.len()).filter(|zone| place(*zone, &lists, &mut owner, &mut HashSet::new())).count();
        prop_assert_eq!(hit, best(&reach, &mut vec![false; 4]));
    }

    #[test]
    fn whatever_is_put_wherever_earns_between_nothing_and_all(picks in proptest::collection::vec((0_usize..3, 0_usize..4), 0..3), points in proptest::collection::vec((0..320_i32, 0..200_i32), 0..6)) {
        let keys = ["a", "b", "c", "d"];
        let response = gaps(&picks.iter().map(|(place, key)| (["1", "2", "3"][*place], keys[*key])).collect::<Vec<_>>());
        let Outcome::Earned(earned) = grade(&dragged(), Some(&response)) else { panic!() };
        prop_assert!(Fraction::ZERO <= earned && earned <= Fraction::ONE);
        for content in one_of_each().iter().filter(|content| content.answer.kind() == "drag_markers") {
            let Spec::DragMarkers { markers, .. } = &content.answer else { panic!() };
            let points: Vec<Point> = points.iter().map(|(x, y)| Point { x: *x, y: *y }).collect();
            let given = Response { markers: Some(BTreeMap::from([(markers[0].key.clone(), points)])), ..Response::default() };
            let Outcome::Earned(earned) = grade(&content.answer, Some(&given)) else { panic!() };
            prop_assert!(Fraction::ZERO <= earned && earned < Fraction::ONE, "the other marker is missing");
            prop_assert_eq!(grade(&content.answer, right_answer(&content.answer).as_ref()), Outcome::Earned(Fraction::ONE));
        }
    }
}
