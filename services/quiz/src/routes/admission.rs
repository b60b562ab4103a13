//! From where and with which browser a quiz may be sat, as a request tells.

use actix_web::HttpRequest;
use service_kit::{Kind, Problem, client_address};

use super::Rooms;
use crate::model::admission::{Origin, Refused, admit};
use crate::model::quiz::Quiz;

impl Rooms {
    /// Lets the request in if the quiz may be sat from where it comes.
    pub(super) fn admit(&self, request: &HttpRequest, quiz: &Quiz) -> Result<(), Problem> {
        let networks = &quiz.settings.allowed_networks;
        if networks.is_empty() && quiz.safe_browser.is_empty() {
            return Ok(());
        }
        let config = &self.platform.config().http;
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let origin = Origin {
            address: client_address(request, config.trusted_proxy_hops),
            url: format!("{}{path}", config.public_url),
            config_key_hash: header("x-safeexambrowser-configkeyhash"),
            exam_key_hash: header("x-safeexambrowser-requesthash"),
        };
        admit(networks, &quiz.safe_browser, &origin).map_err(|refused| {
            let detail = match refused {
                Refused::Network => "This quiz may be sat from certain networks only, and this is none of them.",
                Refused::Browser => "This quiz may be sat with Safe Exam Browser only, with the settings that were given out for it.",
            };
            Problem::new(Kind::Forbidden, detail)
        })
    }
}
