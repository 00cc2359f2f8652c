//! What an object store answers, as errors that say what to do.
//!
//! Stores tell most of it by a code in the body of the answer. Invariants: an answer's text is shown by its code and
//! message only, since stores repeat headers in what follows; a secret of the environment is never shown.

use std::error::Error as _;

use moorline_pipeline::error::Problem;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// Characters of an answer that are shown.
const MOST_SHOWN: usize = 300;
/// Variables whose values are shown nowhere.
const SECRETS: [&str; 8] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_CLIENT_SECRET",
];

/// The problem that an error is; `place` is the URL.
pub(super) fn of(error: &Error, place: &str) -> Problem {
    let said = words(error);
    let is = |codes: &[&str]| codes.iter().any(|code| said.contains(code));
    if is(&["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]) {
        return Problem::new(
            "MOOR-6131",
            "there is no such bucket",
            place,
            said,
            "make the bucket, or correct its name in --out; AWS_REGION and AWS_ENDPOINT_URL say which store is asked",
        );
    }
    let no_keys = ["169.254.", "metadata.google", "MissingCredentials", "Account must be specified"];
    let wrong = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthenticationFailed"];
    if is(&no_keys) || is(&wrong) || matches!(error, Error::Unauthenticated { .. }) {
        return Problem::new(
            "MOOR-6133",
            "the object store does not accept the credentials",
            place,
            if is(&no_keys) {
                "the environment holds none, and no cloud gives this machine any".to_owned()
            } else {
                said
            },
            "s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN where there is one, AWS_REGION\n\
             gs: GOOGLE_APPLICATION_CREDENTIALS   az: AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY",
        );
    }
    if is(&["AccessDenied"]) || matches!(error, Error::PermissionDenied { .. }) {
        return Problem::new(
            "MOOR-6132",
            "the object store denies what an export needs",
            place,
            said,
            "allow these credentials to list, read, write and delete objects below the prefix\n\
             s3: s3:ListBucket on the bucket; s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload on PREFIX/*",
        );
    }
    if unreachable(error) {
        return Problem::new(
            "MOOR-6130",
            "the object store can't be reached",
            place,
            said,
            "check the network, and AWS_ENDPOINT_URL where the store is not Amazon's; http:// needs AWS_ALLOW_HTTP=true\n\
             what was begun is gone on with by --resume",
        );
    }
    Problem::new(
        "MOOR-6134",
        "the object store did not do what it was asked",
        place,
        said,
        "nothing is called done; once the store works again, go on by the same command with --resume",
    )
}

/// Whether nobody has answered.
fn unreachable(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(http) = cause.downcast_ref::<HttpError>() {
            return !matches!(http.kind(), HttpErrorKind::Decode);
        }
        source = cause.source();
    }
    false
}

/// What is said, in a line: a store's code and message, else the innermost cause.
fn words(error: &Error) -> String {
    let text = error.to_string();
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
    };
    let said = match (within("Code"), within("Message")) {
        (Some(code), Some(message)) => format!("it answers {code}: {message}"),
        (Some(code), None) => format!("it answers {code}"),
        _ => {
            // The outer texts repeat the inner ones with addresses of requests.
            let mut last: Option<&dyn std::error::Error> = error.source();
            let mut place = String::new();
            while let Some(cause) = last {
                place = cause.to_string();
                last = cause.source();
            }
            let unreached = ["169.254.", "metadata.google"].iter().find(|place| text.contains(**place));
            let named = unreached.map(|address| format!("{address}: ")).unwrap_or_default();
            format!("{named}{}", if place.is_empty() { &text } else { &place })
        }
    };
    let line: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_SHOWN).collect();
    SECRETS
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter(|secret| secret.len() > 3)
        .fold(line, |line, secret| line.replace(&secret, "***"))
}
