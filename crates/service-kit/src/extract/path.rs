//! Typed ids from the path.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::Fault;
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::problem::{Kind, Problem};

/// The ids in the path: `IdPath<HomeworkId>`, or `IdPath<(ClassId, StudentId)>` for `/classes/{class_id}/students/{student_id}`.
/// What is no UUID is a 400 with the pointer `path:<name>`.
#[derive(Debug, Clone, Copy)]
pub struct IdPath<T>(pub T);

impl<T> std::ops::Deref for IdPath<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for IdPath<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Path::<T>::from_request(request, payload).into_inner();
        ready(parsed.map(|path| Self(path.into_inner())).map_err(|_| explain(request)))
    }
}

fn explain(request: &HttpRequest) -> Problem {
    let wrong = |(name, text): (&str, &str)| text.parse::<Uuid>().is_err().then(|| Fault::new(format!("path:{name}"), "must be a UUID"));
    let faults: Vec<Fault> = request.match_info().iter().filter_map(wrong).collect();
    Problem::new(Kind::MalformedRequest, "The path holds something that is no id.").with_faults(faults)
}
