//! The API's documentation: the OpenAPI documents, a page to read and try them, and what each kind of error means. All of it is
//! in the binary, so that it works without the internet.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError, web};
use utoipa_swagger_ui::Config;

use crate::openapi;
use crate::problem::{Kind, Problem};
use crate::service::Service;

/// The pages, made once.
#[derive(Debug, Clone)]
pub(crate) struct Docs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    whole: String,
    one: BTreeMap<String, String>,
    problems: String,
}

/// Nothing from elsewhere. Swagger UI sets styles from its script and draws with images in data URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Docs {
    pub(crate) fn new(services: &[Service], public_url: &str) -> Self {
        let text = |services: &[Service]| openapi::to_text(&openapi::document_at(services, public_url));
        Self(Arc::new(Inner {
            whole: text(services),
            one: services.iter().map(|service| (service.name.as_str().to_owned(), text(&[*service]))).collect(),
            problems: problems_page(),
        }))
    }
}

fn html(body: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_SECURITY_POLICY, POLICY)).content_type("text/html; charset=utf-8").body(body.into())
}

/// `GET /openapi.json`
pub(super) async fn whole(docs: web::Data<Docs>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(docs.0.whole.clone())
}

/// `GET /openapi/{service}.json`
pub(super) async fn one(docs: web::Data<Docs>, service: web::Path<String>) -> HttpResponse {
    match docs.0.one.get(service.as_str()) {
        Some(text) => HttpResponse::Ok().content_type("application/json").body(text.clone()),
        None => Problem::not_found("service in this process").error_response(),
    }
}

/// `GET /docs`: the page's own links are relative to `/docs/`.
pub(super) async fn page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// `GET /docs/…`: Swagger UI, from the binary. It loads `/openapi.json` by its address, so that behind a gateway it shows the whole fleet.
pub(super) async fn swagger(file: web::Path<String>) -> HttpResponse {
    let file = if file.is_empty() { "index.html" } else { file.as_str() };
    let config =
        Config::from("/openapi.json").persist_authorization(true).try_it_out_enabled(true).filter(true).display_request_duration(true);
    match utoipa_swagger_ui::serve(file, Arc::new(config)) {
        Ok(Some(asset)) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY)).content_type(asset.content_type);
            response.body(asset.bytes.into_owned())
        }
        Ok(None) => Problem::not_found("page").error_response(),
        Err(error) => Problem::internal(anyhow::anyhow!("the API page: {error}")).error_response(),
    }
}

/// `GET /docs/problems.css`
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("problems.css"))
}

/// `GET /docs/problems`
pub(super) async fn problems(docs: web::Data<Docs>) -> HttpResponse {
    html(docs.0.problems.clone())
}

fn problems_page() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Schools24 problems</title><link rel=\"stylesheet\" href=\"/docs/problems.css\"><main><h1>Problems</h1>\
         <p>Errors are <code>application/problem+json</code> (RFC 9457). <code>type</code> is stable; <code>errors[]</code> lists every fault; \
         <code>request_id</code> is what an operator needs.</p>",
    );
    for kind in Kind::ALL {
        let (name, status) = (kind.as_str(), kind.status().as_u16());
        // Our own texts, but a `<` in one would still break the page.
        let about = kind.about().replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(page, "<section id=\"{name}\"><h2>{status} {name}</h2><p><b>{}.</b> {about}</p></section>", kind.title());
    }
    page.push_str("</main></html>\n");
    page
}
