//! A stand-in for both providers: a server on this machine that answers in their documented form, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
    pub key: String,
    pub body: String,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    /// The answer of the first request under a key is given again.
    answers: Mutex<HashMap<String, Value>>,
    status: Mutex<Option<u16>>,
    /// What it says of what lies under a path.
    said: Mutex<HashMap<String, Value>>,
    /// It is away for requests whose path has this in it.
    away: Mutex<Option<String>>,
}

pub struct StandIn {
    pub url: String,
    state: Arc<State>,
    handle: actix_web::dev::ServerHandle,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

impl StandIn {
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// From now on it answers that it is away where the path has this in it.
    pub fn away_for(&self, part: Option<&str>) {
        *self.state.away.lock().unwrap() = part.map(str::to_owned);
    }

    /// From now on it says this of what lies under the path.
    pub fn says(&self, path: &str, answer: Value) {
        self.state.said.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// From now on it answers with this status and an error.
    pub fn fail_with(&self, status: Option<u16>) {
        *self.state.status.lock().unwrap() = status;
    }
}

fn field(form: &str, name: &str) -> String {
    form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned()
}

async fn answer(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = request.path().to_owned();
    let key = [header("idempotency-key"), header("x-refund-idempotency")].concat();
    state.asked.lock().unwrap().push(Asked {
        path: path.clone(),
        authorization: header("authorization"),
        key: key.clone(),
        body: body.clone(),
    });
    if let Some(status) = *state.status.lock().unwrap() {
        let error = json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "no", "type": "invalid_request_error", "message": "no"}});
        return HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(error);
    }
    if state.away.lock().unwrap().as_ref().is_some_and(|part| path.contains(part)) {
        return HttpResponse::ServiceUnavailable().finish();
    }
    if let Some(said) = state.said.lock().unwrap().get(&path) {
        return HttpResponse::Ok().json(said);
    }
    let mut answers = state.answers.lock().unwrap();
    if let Some(known) = answers.get(&key).filter(|_| !key.is_empty()) {
        return HttpResponse::Ok().json(known);
    }
    let number = answers.len();
    let made = match path.as_str() {
        "/v1/orders" => {
            let asked: Value = serde_json::from_str(&body).unwrap();
            json!({"id": format!("order_{}", uuid::Uuid::now_v7().simple()), "entity": "order", "amount": asked["amount"], "amount_paid": 0,
                "currency": asked["currency"], "receipt": asked["receipt"], "status": "created", "attempts": 0, "notes": asked["notes"]})
        }
        "/v1/payment_intents" => {
            let amount: i64 = field(&body, "amount").parse().unwrap();
            json!({"id": format!("pi_{number}_{}", uuid::Uuid::now_v7().simple()), "object": "payment_intent", "amount": amount, "amount_received": 0,
                "currency": field(&body, "currency"), "client_secret": "pi_secret", "status": "requires_payment_method", "latest_charge": null})
        }
        "/v1/refunds" => {
            let amount: i64 = field(&body, "amount").parse().unwrap();
            json!({"id": format!("re_{number}"), "object": "refund", "amount": amount, "currency": "inr", "status": "pending", "metadata": {}})
        }
        path if path.ends_with("/payments") => json!({"entity": "collection", "count": 0, "items": []}),
        path if path.ends_with("/refund") => {
            let asked: Value = serde_json::from_str(&body).unwrap();
            json!({"id": format!("rfnd_{number}"), "entity": "refund", "amount": asked["amount"], "currency": "INR", "status": "processed", "notes": asked["notes"]})
        }
        path => {
            let id = path.rsplit('/').next().unwrap();
            json!({"id": id, "object": "payment_intent", "amount": 1, "currency": "inr", "client_secret": "pi_secret", "latest_charge": null})
        }
    };
    let key = if key.is_empty() { format!("none-{number}") } else { key };
    answers.insert(key, made.clone());
    HttpResponse::Ok().json(made)
}
