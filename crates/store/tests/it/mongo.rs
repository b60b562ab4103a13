//! MongoDB: validators, indexes, and the school that is in every request.

use domain::SchoolId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use secrecy::SecretString;
use store::{CollectionName, DocumentQuery, Mongo, MongoError, SchoolCollection};
use uuid::Uuid;

/// Runs `test` on a database of its own, with the collections made.
async fn with_mongo(test: impl AsyncFnOnce(&Mongo)) {
    use futures_util::FutureExt;
    let uri = std::env::var("TEST_MONGODB_URI").expect("TEST_MONGODB_URI is a scratch MongoDB");
    // Whatever database the URI names is replaced by our own.
    let (scheme, rest) = uri.split_once("://").unwrap();
    let (hosts, options) = rest.split_once('?').map_or((rest, String::new()), |(hosts, options)| (hosts, format!("?{options}")));
    let hosts = hosts.split('/').next().unwrap();
    let uri = format!("{scheme}://{hosts}/store_{}{options}", Uuid::now_v7().simple());
    let mongo = Mongo::connect(&SecretString::from(uri)).await.unwrap();
    mongo.ensure_collections().await.unwrap();
    let outcome = std::panic::AssertUnwindSafe(test(&mongo)).catch_unwind().await;
    mongo.drop_database().await.unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn uuid() -> String {
    Uuid::now_v7().to_string()
}

/// A document that its collection accepts.
fn valid(name: CollectionName) -> Document {
    match name {
        CollectionName::Questions => doc! {
            "question_id": uuid(), "version": 1, "bank_id": uuid(), "status": "draft", "type": "multichoice",
            "stem": "Which number is prime?", "default_mark": 1.0, "tags": ["primes"],
        },
        CollectionName::QuizAnalytics => doc! {
            "quiz_id": uuid(), "computed_at": DateTime::now(), "attempts_hash": "a", "n": 3, "alpha": 0.7,
            "items": [{ "question_id": uuid(), "version": 1, "facility": 0.5 }],
        },
        CollectionName::ActivityLogs => doc! {
            "ts": DateTime::now(), "actor": uuid(), "action": "homework:assigned", "entity": { "type": "homework", "id": uuid() }, "event_id": uuid(),
        },
        CollectionName::ReportTemplates => doc! {
            "code": "card", "version": 1, "locale": "en", "sections": [], "engine": "typst", "status": "draft",
        },
        CollectionName::NotificationArchive => doc! {
            "notification_id": uuid(), "recipient": uuid(), "channel": "push", "sent_at": DateTime::now(), "state": "sent",
        },
    }
}

fn of(mongo: &Mongo, name: CollectionName, school: SchoolId) -> SchoolCollection<Document> {
    mongo.school(name, school)
}

#[tokio::test]
async fn validators_take_good_documents_and_refuse_each_that_lacks_a_field_or_has_a_wrong_one() {
    with_mongo(async |mongo| {
        let school = SchoolId::generate();
        for name in CollectionName::ALL {
            let collection = of(mongo, *name, school);
            collection.insert_one(&valid(*name)).await.unwrap();
            // Optional fields come from the list below, the rest must be there and must not be a bare boolean.
            let optional = ["tags", "alpha"];
            for field in valid(*name).keys() {
                let mut wrong = valid(*name);
                wrong.insert(field, Bson::Boolean(true));
                let refused = collection.insert_one(&wrong).await;
                assert!(matches!(refused, Err(MongoError::InvalidDocument(_))), "{name:?} with {field}: true: {refused:?}");
                if !optional.contains(&field.as_str()) {
                    let mut missing = valid(*name);
                    missing.remove(field);
                    let refused = collection.insert_one(&missing).await;
                    assert!(matches!(refused, Err(MongoError::InvalidDocument(_))), "{name:?} without {field}: {refused:?}");
                }
            }
            // Past the fence, a document without a school is refused too.
            let raw = mongo.unscoped().collection::<Document>(name.as_str());
            assert!(raw.insert_one(valid(*name)).await.is_err(), "{name:?} without a school");
            assert_eq!(collection.count(doc! {}).await.unwrap(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn what_there_may_be_one_of_is_refused_twice_within_a_school_and_welcome_in_another() {
    with_mongo(async |mongo| {
        let (school, other) = (SchoolId::generate(), SchoolId::generate());
        for name in CollectionName::ALL {
            let document = valid(*name);
            of(mongo, *name, school).insert_one(&document).await.unwrap();
            let twice = of(mongo, *name, school).insert_one(&document).await;
            assert!(matches!(twice, Err(MongoError::DuplicateKey(_))), "{name:?}: {twice:?}");
            of(mongo, *name, other).insert_one(&document).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn the_school_leads_every_index_but_those_that_expire() {
    with_mongo(async |mongo| {
        let mut seen = 0;
        for name in CollectionName::ALL {
            let answer = mongo.unscoped().run_command(doc! { "listIndexes": name.as_str() }).await.unwrap();
            let indexes = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
            for index in indexes.iter().filter_map(Bson::as_document) {
                let keys = index.get_document("key").unwrap();
                let first = keys.keys().next().unwrap().as_str();
                match first {
                    "_id" => {}
                    "expires_at" => assert_eq!(
                        index.get("expireAfterSeconds").and_then(|seconds| seconds.as_i64().or(seconds.as_i32().map(i64::from))),
                        Some(0)
                    ),
                    _ => assert_eq!(first, "school_id", "{name:?}: {index}"),
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 5 + 13, "five _id indexes and our own");
    })
    .await;
}

#[tokio::test]
async fn making_the_collections_again_keeps_the_documents_and_mends_a_lost_validator() {
    with_mongo(async |mongo| {
        let school = SchoolId::generate();
        let questions = of(mongo, CollectionName::Questions, school);
        questions.insert_one(&valid(CollectionName::Questions)).await.unwrap();
        mongo.unscoped().run_command(doc! { "collMod": "questions", "validator": {} }).await.unwrap();
        questions.insert_one(&doc! { "question_id": uuid(), "version": 1 }).await.unwrap();
        let (one, two) = tokio::join!(mongo.ensure_collections(), mongo.ensure_collections());
        one.unwrap();
        two.unwrap();
        assert_eq!(questions.count(doc! {}).await.unwrap(), 2);
        let refused = questions.insert_one(&doc! { "question_id": uuid(), "version": 2 }).await;
        assert!(matches!(refused, Err(MongoError::InvalidDocument(_))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_third_school_neither_sees_nor_touches_what_the_other_two_have() {
    with_mongo(async |mongo| {
        let (first, second, third) = (SchoolId::generate(), SchoolId::generate(), SchoolId::generate());
        let (questions, theirs) = (CollectionName::Questions, [first, second]);
        for school in theirs {
            of(mongo, questions, school).insert_one(&valid(questions)).await.unwrap();
        }
        let outsider = of(mongo, questions, third);
        let tricks = [
            doc! {},
            doc! { "school_id": first.to_string() },
            doc! { "$or": [{ "school_id": first.to_string() }, { "school_id": { "$exists": true } }] },
            doc! { "$and": [{ "school_id": { "$in": theirs.map(|school| school.to_string()).to_vec() } }] },
            doc! { "$nor": [{ "school_id": third.to_string() }] },
            doc! { "$expr": { "$ne": ["$school_id", third.to_string()] } },
            doc! { "$text": { "$search": "prime" } },
        ];
        for filter in tricks {
            assert_eq!(outsider.find(filter.clone()).await.unwrap(), [], "find {filter}");
            assert_eq!(outsider.find_one(filter.clone()).await.unwrap(), None, "find_one {filter}");
            assert_eq!(outsider.aggregate(vec![doc! { "$match": filter.clone() }]).await.unwrap(), [], "aggregate {filter}");
            if filter.contains_key("$text") {
                continue;
            }
            assert_eq!(outsider.count(filter.clone()).await.unwrap(), 0, "count {filter}");
            let change = doc! { "$set": { "status": "retired" } };
            assert!(!outsider.update_one(filter.clone(), change.clone()).await.unwrap(), "update_one {filter}");
            assert_eq!(outsider.update_many(filter.clone(), change).await.unwrap(), 0, "update_many {filter}");
            assert!(!outsider.replace_one(filter.clone(), &valid(questions)).await.unwrap(), "replace_one {filter}");
            assert!(!outsider.delete_one(filter.clone()).await.unwrap(), "delete_one {filter}");
            assert_eq!(outsider.delete_many(filter.clone()).await.unwrap(), 0, "delete_many {filter}");
        }
        for school in theirs {
            let kept = of(mongo, questions, school).find(doc! { "$text": { "$search": "prime" } }).await.unwrap();
            assert_eq!(kept.len(), 1, "its own school finds it");
            assert_eq!(kept[0].get_str("status").unwrap(), "draft");
        }
    })
    .await;
}

#[tokio::test]
async fn a_document_cannot_be_smuggled_into_another_school_or_moved_there() {
    with_mongo(async |mongo| {
        let (own, other) = (SchoolId::generate(), SchoolId::generate());
        let questions = of(mongo, CollectionName::Questions, own);
        let mut foreign = valid(CollectionName::Questions);
        foreign.insert("school_id", other.to_string());
        assert!(matches!(questions.insert_one(&foreign).await, Err(MongoError::OtherSchool)));
        assert!(matches!(questions.insert_many(&[valid(CollectionName::Questions), foreign.clone()]).await, Err(MongoError::OtherSchool)));
        assert!(matches!(questions.replace_one(doc! {}, &foreign).await, Err(MongoError::OtherSchool)));
        questions.insert_one(&valid(CollectionName::Questions)).await.unwrap();
        let moves = [
            doc! { "$set": { "school_id": other.to_string() } },
            doc! { "$unset": { "school_id": "" } },
            doc! { "$rename": { "bank_id": "school_id" } },
            doc! { "$rename": { "school_id": "bank_id" } },
            doc! { "$setOnInsert": { "school_id": other.to_string() } },
            doc! { "school_id": other.to_string() },
        ];
        for update in moves {
            assert!(matches!(questions.update_one(doc! {}, update.clone()).await, Err(MongoError::Refused(_))), "{update}");
            assert!(matches!(questions.upsert_one(doc! {}, update.clone()).await, Err(MongoError::Refused(_))), "{update}");
            assert!(matches!(questions.update_many(doc! {}, update.clone()).await, Err(MongoError::Refused(_))), "{update}");
        }
        for stage in [
            doc! { "$out": "questions" },
            doc! { "$lookup": { "from": "questions", "pipeline": [], "as": "all" } },
            doc! { "$unionWith": "questions" },
        ] {
            assert!(matches!(questions.aggregate(vec![stage.clone()]).await, Err(MongoError::Refused(_))), "{stage}");
        }
        assert_eq!(of(mongo, CollectionName::Questions, other).count(doc! {}).await.unwrap(), 0);
        assert_eq!(questions.count(doc! {}).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_upsert_makes_the_document_in_its_own_school() {
    with_mongo(async |mongo| {
        let school = SchoolId::generate();
        let analytics = of(mongo, CollectionName::QuizAnalytics, school);
        let quiz = uuid();
        let key = doc! { "quiz_id": &quiz, "attempts_hash": "h" };
        let figures = |n: i32| doc! { "$set": { "computed_at": DateTime::now(), "n": n, "items": [] } };
        assert!(analytics.upsert_one(key.clone(), figures(1)).await.unwrap());
        assert!(!analytics.upsert_one(key.clone(), figures(2)).await.unwrap());
        let row = analytics.find_one(key).await.unwrap().unwrap();
        assert_eq!(row.get_str("school_id").unwrap(), school.to_string());
        assert_eq!(row.get_i32("n").unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_activity_log_is_only_ever_added_to() {
    with_mongo(async |mongo| {
        let log = of(mongo, CollectionName::ActivityLogs, SchoolId::generate());
        log.insert_many(&[valid(CollectionName::ActivityLogs), valid(CollectionName::ActivityLogs)]).await.unwrap();
        assert!(matches!(log.update_one(doc! {}, doc! { "$set": { "action": "x" } }).await, Err(MongoError::Refused(_))));
        assert!(matches!(log.replace_one(doc! {}, &valid(CollectionName::ActivityLogs)).await, Err(MongoError::Refused(_))));
        assert!(matches!(log.delete_many(doc! {}).await, Err(MongoError::Refused(_))));
        let newest = DocumentQuery {
            sort: Some(doc! { "ts": -1 }),
            limit: Some(1),
            projection: Some(doc! { "action": 1, "_id": 0 }),
            ..doc! {}.into()
        };
        assert_eq!(log.find(newest).await.unwrap(), [doc! { "action": "homework:assigned" }]);
        let counted = log.aggregate(vec![doc! { "$group": { "_id": "$action", "n": { "$sum": 1 } } }]).await.unwrap();
        assert_eq!(counted, [doc! { "_id": "homework:assigned", "n": 2 }]);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_does_not_stop_the_start() {
    let uri = SecretString::from("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200");
    let mongo = Mongo::connect(&uri).await.unwrap();
    let error = mongo.ping().await.unwrap_err();
    assert!(matches!(error, MongoError::Unavailable(_)), "{error:?}");
}
