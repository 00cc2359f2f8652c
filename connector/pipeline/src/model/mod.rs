//! The words of the source: cluster times, namespaces, tokens, ids, changes and the replies that bring them.

mod change;
mod id;
mod namespace;
mod reply;
mod time;
mod token;

pub use change::{Change, ChangeError, Op};
pub use id::{Id, canonical, canonical_id};
pub use namespace::Namespace;
pub use reply::Reply;
pub use time::ClusterTime;
pub use token::{Token, TokenError};

/// A collection's UUID: the identity of one life of it, its *epoch*.
pub type Uuid = [u8; 16];

/// The UUID in the usual text form, 8-4-4-4-12.
pub fn uuid_text(uuid: &Uuid) -> String {
    let h = hex::encode(uuid);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// The UUID of a text in the usual form; `None` if it is not one.
pub fn uuid_from_text(text: &str) -> Option<Uuid> {
    hex::decode(text.replace('-', "")).ok()?.try_into().ok()
}
