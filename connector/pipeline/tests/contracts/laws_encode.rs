//! Laws of inferring and encoding over arbitrary documents.

use bson::{Bson, Document, RawDocumentBuf};
use moorline_pipeline::contract::infer::{infer, infer_key};
use moorline_pipeline::contract::model::Limits;
use moorline_pipeline::contract::plan::{Encoder, Scratch, UnknownFields};
use moorline_pipeline::contract::{derive, extjson, file, key, merge};
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::oracle;
use crate::stage::{KEY_ID, META, VALUE_ID, encode, encode_id, infer_all, namespace, output, plan, rules};
use crate::wild;

const POLICIES: [UnknownFields; 3] = [UnknownFields::Report, UnknownFields::Spill, UnknownFields::Ignore];

/// Texts of doubles as numbers: how many zeros a text has before its digits is nobody's rule.
fn doubles(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let text = members.get("$numberDouble").and_then(Json::as_str);
            match text
                .and_then(|text| text.parse::<f64>().ok())
                .filter(|double| members.len() == 1 && double.is_finite())
            {
                Some(double) => Json::from(double),
                None => Json::Object(members.into_iter().map(|(name, value)| (name, doubles(value))).collect()),
            }
        }
        Json::Array(items) => items.into_iter().map(doubles).collect(),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// What encodes decodes by the derived schema to the document's data, and says so again in the same bytes.
    #[test]
    fn what_is_encoded_is_the_document(documents in wild::documents(5), others in wild::documents(3)) {
        let contract = infer_all(&documents).contract;
        for policy in [UnknownFields::Report, UnknownFields::Spill] {
            let plan = plan(&contract, policy);
            let mut scratch = Scratch::default();
            let mut all = vec![0xee; 3];
            for document in documents.iter().chain(&others) {
                let before = all.len();
                match plan.value(document, &META, &mut scratch, &mut all) {
                    Ok(outcome) => {
                        let again = encode(&plan, document).expect("fits again");
                        prop_assert_eq!(&(all[before..].to_vec(), outcome), &again);
                        prop_assert_eq!(plan.fits(document, &mut scratch), Ok(outcome));
                        oracle::check(&contract, document, policy == UnknownFields::Spill, &all[before..], VALUE_ID);
                    }
                    Err(misfit) => {
                        prop_assert_eq!(all.len(), before, "nothing is left of a misfit");
                        prop_assert_eq!(plan.fits(document, &mut scratch), Err(misfit));
                    }
                }
            }
            prop_assert_eq!(&all[..3], &[0xee; 3]);
        }
    }

    /// A contract takes its own sample, unless the report says of what kind will drift; always with spilling.
    #[test]
    fn a_contract_takes_its_sample(documents in wild::documents(8)) {
        let inferred = infer_all(&documents);
        let noted = rules(&inferred);
        for document in &documents {
            if let Err(misfit) = encode(&plan(&inferred.contract, UnknownFields::Spill), document) {
                prop_assert!(noted.contains(&misfit.rule), "{misfit:?} unannounced in {:?}", inferred.report);
            }
            if let Err(misfit) = encode(&plan(&inferred.contract, UnknownFields::Report), document) {
                let undecided = misfit.rule == "MC603" && !inferred.undecided.is_empty();
                prop_assert!(undecided || noted.contains(&misfit.rule), "{misfit:?} in {:?}", inferred.report);
            }
        }
    }

    /// The same sample gives the same contract; what is registered comes back from the registry.
    #[test]
    fn inference_is_a_function(documents in wild::documents(6)) {
        let inferred = infer_all(&documents);
        prop_assert_eq!(&infer_all(&documents), &inferred);
        let contract = &inferred.contract;
        let parsed = file::parse(&file::write(contract), &namespace());
        prop_assert_eq!(parsed.as_ref(), Ok(contract));
        let (value, key) = (derive::value_schema(contract, &output()), derive::key_schema(contract, &output()));
        let back = merge::from_registered(&value, &key, &namespace(), &output()).expect("ours");
        prop_assert_eq!(derive::value_schema(&back, &output()), value);
        prop_assert_eq!(derive::key_schema(&back, &output()), key);
    }

    /// No bytes make anything panic, and a misfit leaves nothing behind.
    #[test]
    fn no_bytes_panic(broken in proptest::collection::vec(wild::broken(), 1..4), sound in wild::documents(3)) {
        let all: Vec<RawDocumentBuf> = broken.into_iter().chain(sound).collect();
        let references = || all.iter().map(RawDocumentBuf::as_ref);
        let inferred = infer(&namespace(), references(), &Limits { max_fields: 6, max_depth: 3, version_budget: 1 });
        let contract = inferred.expect("documents").contract;
        infer_key(references());
        let mut texts = Vec::new();
        for policy in POLICIES {
            let mut encoder = Encoder::new(plan(&contract, policy).into());
            for document in references() {
                let mut out = vec![1, 2, 3];
                if encoder.value(document, &META, &mut out).is_ok() {
                    oracle::unframed(&derive::value_schema(&contract, &output()), VALUE_ID, &out[3..]);
                } else {
                    prop_assert_eq!(&out, &[1, 2, 3]);
                }
                if let Ok(Some(id)) = document.get("_id") {
                    let _ = key::text(id, &mut texts);
                }
                texts.clear();
                let lost = extjson::canonical_lossy(document.as_bytes(), &["a".to_owned()], &mut texts);
                prop_assert!(serde_json::from_slice::<Json>(&texts).is_ok(), "{lost:?}");
                texts.clear();
                match extjson::relaxed(document, &mut texts) {
                    Ok(()) => prop_assert!(serde_json::from_slice::<Json>(&texts).is_ok()),
                    Err(_) => prop_assert!(texts.is_empty()),
                }
                texts.clear();
            }
        }
    }

    /// Relaxed and canonical texts are what another library writes, and the canonical one is the document again.
    #[test]
    fn extended_json_is_extended_json(document in wild::document()) {
        let raw = crate::stage::raw(&document);
        let (mut relaxed, mut canonical) = (Vec::new(), Vec::new());
        extjson::relaxed(&raw, &mut relaxed).expect("well formed");
        extjson::canonical(&raw, &mut canonical).expect("well formed");
        let document = Bson::Document(Document::try_from(&raw).expect("well formed"));
        let json = |text: &[u8]| serde_json::from_slice::<Json>(text).expect("JSON");
        prop_assert_eq!(json(&relaxed), oracle::relaxed(&document));
        prop_assert_eq!(doubles(json(&canonical)), doubles(document.into_canonical_extjson()));
    }

    /// The value's `_id` is the key's datum, however the `_id` came.
    #[test]
    fn the_id_is_one_datum(id in wild::bson()) {
        let mut document = Document::new();
        document.insert("_id", id);
        let raw = crate::stage::raw(&document);
        let contract = infer_all(std::slice::from_ref(&raw)).contract;
        let plan = plan(&contract, UnknownFields::Report);
        let id = raw.get("_id").expect("well formed").expect("an _id");
        match encode_id(&plan, id) {
            Ok(key) => {
                let (value, _) = encode(&plan, &raw).expect("the value takes what the key takes");
                prop_assert_eq!(&value[5..key.len()], &key[5..]);
                oracle::unframed(&derive::key_schema(&contract, &output()), KEY_ID, &key);
            }
            Err(misfit) => {
                prop_assert_eq!(encode(&plan, &raw), Err(misfit.clone()));
                // Malformed binaries of subtype 2 can't be made by the library; nothing else may be refused.
                prop_assert!(false, "{misfit:?} by the contract of its own sample");
            }
        }
    }
}
