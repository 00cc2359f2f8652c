//! The documents that are measured with: orders of about 600 bytes, the same ones in every run.
//!
//! Invariants: a document depends on its number alone; numbers give `_id`s in ascending order, as drivers do; every field
//! that is missing somewhere is there often enough that a sample sees it, so that no contract is widened under way.

use bson::oid::ObjectId;
use bson::raw::{RawArrayBuf, cstr};
use bson::{DateTime, Decimal128, RawDocumentBuf, rawdoc};

const STATUS: [&str; 4] = ["new", "paid", "shipped", "returned"];
const CITIES: [&str; 8] = ["Bergen", "Gdansk", "Hamburg", "Le Havre", "Lisboa", "Malmo", "Rotterdam", "Trieste"];
const GOODS: [&str; 4] = [
    "A coil of rope, three strands",
    "Anchor chain, galvanised",
    "Brass bell with bracket",
    "Lamp, port and starboard",
];
const NOTE: &str = "Leave it with the harbour master, please.";
const TAGS: [[&str; 2]; 4] = [["gift", "express"], ["pallet", "fragile"], ["gift", "fragile"], ["bulk", "express"]];
/// Milliseconds since 1970 of the first document.
const EPOCH: i64 = 1_700_000_000_000;

/// Bits that look random, of a number: SplitMix64.
pub(crate) fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The `_id` of a document: seconds, five constant bytes, a counter, as drivers make them.
pub(crate) fn id(n: u64) -> ObjectId {
    let mut bytes = [0x5a; 12];
    bytes[..4].copy_from_slice(&(1_700_000_000 + (n >> 24) as u32).to_be_bytes());
    bytes[9..].copy_from_slice(&(n as u32).to_be_bytes()[1..]);
    ObjectId::from_bytes(bytes)
}

/// The document of a number. `revision` changes what an update would change.
pub(crate) fn order(n: u64, revision: i64) -> RawDocumentBuf {
    let dice = scatter(n);
    let placed = EPOCH + (n as i64) * 37;
    let mut customer = rawdoc! {
        "id": id(dice % 50_000),
        "name": format!("Customer {}", dice % 50_000),
        "city": CITIES[(dice >> 8) as usize % CITIES.len()],
    };
    if !dice.is_multiple_of(3) {
        customer.append(cstr!("vip"), dice.is_multiple_of(2));
    }
    let mut document = rawdoc! {
        "_id": id(n),
        "order_no": format!("ORD-{n:010}"),
        "status": STATUS[(dice >> 16) as usize % STATUS.len()],
        "customer": customer,
        "items": items(dice),
        "total": total(dice),
        "currency": "EUR",
        "reference": format!("{dice:016x}"),
        "placed_at": DateTime::from_millis(placed),
        "updated_at": DateTime::from_millis(placed + (dice % 3_600_000) as i64),
        "revision": revision,
        "weight_kg": (dice % 40_000) as f64 / 8.0,
        "tags": RawArrayBuf::from_iter(TAGS[(dice >> 6) as usize % TAGS.len()]),
    };
    if !dice.is_multiple_of(4) {
        document.append(cstr!("shipped_at"), DateTime::from_millis(placed + 86_400_000 + (dice % 3_600_000) as i64));
    }
    document.append(cstr!("paid"), (dice >> 4).is_multiple_of(2));
    document.append(cstr!("quantity"), (dice % 90) as i32);
    if dice % 5 < 2 {
        document.append(cstr!("note"), NOTE);
    } else if dice % 5 == 2 {
        document.append(cstr!("note"), bson::RawBson::Null);
    }
    document.append(cstr!("sequence"), (dice >> 20) as i64);
    document
}

fn items(dice: u64) -> RawArrayBuf {
    let mut items = RawArrayBuf::new();
    for place in 0..2 {
        let bits = dice >> (12 * place);
        items.push(rawdoc! {
            "sku": format!("SKU-{:06}", bits % 1_000_000),
            "qty": (bits % 12) as i32 + 1,
            "price": (bits % 10_000) as f64 / 100.0,
            "title": GOODS[bits as usize % GOODS.len()],
        });
    }
    items
}

/// A price with two digits after the point: BID format, exponent -2.
fn total(dice: u64) -> Decimal128 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(dice % 1_000_000).to_le_bytes());
    bytes[8..].copy_from_slice(&((6176_u64 - 2) << 49).to_le_bytes());
    Decimal128::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_of_the_size_and_in_the_order_that_is_promised() {
        let documents: Vec<_> = (0..10_000).map(|n| order(n, 0)).collect();
        let bytes: usize = documents.iter().map(|document| document.as_bytes().len()).sum();
        assert!((550..650).contains(&(bytes / documents.len())), "{} bytes", bytes / documents.len());
        assert_eq!(order(17, 0).as_bytes(), documents[17].as_bytes());
        let ids = [0, 1, 255, 256, 1 << 24, (1 << 24) + 1].map(id);
        assert!(ids.is_sorted() && ids[3] != ids[4]);
    }

    #[test]
    fn totals_are_written_out() {
        assert_eq!(total(123_456).to_string(), "1234.56");
    }
}
