//! Which path gives what.
//!
//! Invariants: only what is asked with GET or HEAD is given, and a request's body is never read; errors have Kafka
//! Connect's form, `{"error_code", "message"}`, so that tools which know it can show them.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use crate::{Telemetry, clocks, exposition, health};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// The paths.
const PATHS: [&str; 4] = ["/metrics", "/health/live", "/health/ready", "/moorline/v1/clocks"];

/// Answers a request.
pub(crate) async fn answer(telemetry: &Arc<Telemetry>, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, &format!("{method} is not taken here: GET is"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path.strip_suffix('/').unwrap_or(path) {
        "/metrics" => match exposition::text(telemetry) {
            Ok(text) => response(StatusCode::OK, exposition::CONTENT_TYPE, text),
            Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written"),
        },
        "/health/live" => response(StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/health/ready" => {
            let (ready, text) = health::told(&telemetry.health.lines(&telemetry.report).await);
            response(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, TEXT, text)
        }
        "/moorline/v1/clocks" => response(StatusCode::OK, JSON, format!("{}\n", clocks::json(telemetry))),
        _ => error(StatusCode::NOT_FOUND, &format!("there is no such path; there are {}", PATHS.join(", "))),
    }
}

fn error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    response(status, JSON, format!("{}\n", json!({"error_code": status.as_u16(), "message": message})))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
