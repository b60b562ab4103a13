//! Problems in the OpenAPI document: one body schema, one reusable response, and sets of statuses that handlers name in their
//! `responses(...)`, so that no route repeats them.

use std::collections::BTreeMap;

use domain::Fault;
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::PROBLEM_JSON;

/// An error, as RFC 9457 `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The stable kind, a page that explains it.
    #[schema(example = "/docs/problems#validation-failed")]
    pub r#type: String,
    /// The kind's title, the same each time.
    #[schema(example = "Some values are not valid")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time, for a person.
    pub detail: String,
    /// The path that was asked for.
    pub instance: Option<String>,
    /// The id under which the request stands in the log; also in `X-Request-Id`.
    pub request_id: Option<String>,
    /// Every fault in what was sent.
    pub errors: Option<Vec<Fault>>,
}

/// The name of the shared response in `components`.
const NAME: &str = "Problem";

/// The shared response.
pub(crate) fn component() -> (&'static str, Response) {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new()
        .description("An error, as RFC 9457 problem+json; its kinds are explained at /docs/problems.")
        .content(PROBLEM_JSON, content)
        .build();
    (NAME, response)
}

fn refer(statuses: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|status| ((*status).to_owned(), RefOr::Ref(Ref::from_response_name(NAME)))).collect()
}

/// What any authenticated route may answer: `responses((status = 200, …), CommonProblems)`.
#[derive(Debug, Clone, Copy)]
pub struct CommonProblems;

impl IntoResponses for CommonProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refer(&["400", "401", "403", "404", "413", "415", "422", "429", "500", "503"])
    }
}

/// What a route that changes a versioned thing may answer besides [`CommonProblems`].
#[derive(Debug, Clone, Copy)]
pub struct EditProblems;

impl IntoResponses for EditProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refer(&["409", "412", "428"])
    }
}
