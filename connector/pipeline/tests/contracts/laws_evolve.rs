//! Laws of evolution over arbitrary contracts and documents: it only widens, and what it can't widen it names.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::derive;
use moorline_pipeline::contract::evolve::{Evolution, evolve};
use moorline_pipeline::contract::model::{Contract, Field, Limits, Type};
use moorline_pipeline::contract::plan::UnknownFields;
use proptest::prelude::*;

use crate::oracle;
use crate::stage::{VALUE_ID, encode, fits, infer_all, output, plan};
use crate::wild;

/// Rules about a value of the right type: no contract could take it.
const OF_VALUES: [&str; 4] = ["MC605", "MC606", "MC607", "MC608"];

fn evolved(contract: &Contract, documents: &[RawDocumentBuf]) -> Evolution {
    evolve(contract, documents.iter().map(RawDocumentBuf::as_ref), &Limits::default())
}

/// Every field is still there, in its place, of its name; types went from whole numbers to doubles only.
fn assert_wider(before: &[Field], after: &[Field]) {
    assert!(before.len() <= after.len());
    for (old, new) in before.iter().zip(after) {
        assert_eq!((&old.name, &old.bson_name, old.required), (&new.name, &new.bson_name, new.required));
        assert_eq!(old.properties, new.properties);
        let turned = assert_type(&old.ty, &new.ty);
        assert!(turned || old.accepts.iter().all(|name| new.accepts.contains(name)), "{old:?} {new:?}");
    }
    let mut names: Vec<&str> = after.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), after.len(), "a name is given once");
}

fn assert_type(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Record(old), Type::Record(new)) => {
            assert_eq!(old.name, new.name);
            assert_wider(&old.fields, &new.fields);
            false
        }
        (Type::Array(old), Type::Array(new)) | (Type::Map(old), Type::Map(new)) => assert_type(old, new),
        (Type::Long, Type::Double) => true,
        (old, new) => {
            assert_eq!(old, new);
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evolution_only_widens(first in wild::documents(4), then in wild::documents(4)) {
        let contract = infer_all(&first).contract;
        let misfits: Vec<_> =
            then.iter().filter(|document| fits(&contract, document, UnknownFields::Report).is_err()).cloned().collect();
        let evolution = evolved(&contract, &misfits);
        prop_assert_eq!(&evolved(&contract, &misfits), &evolution, "the same documents, the same contract");
        let wider = evolution.contract.clone().unwrap_or_else(|| contract.clone());
        assert_wider(&contract.fields, &wider.fields);
        prop_assert_eq!(&wider.key, &contract.key);
        prop_assert!(derive::hidden(&wider, &output()).is_empty());
        for document in first.iter().chain(&then) {
            for policy in [UnknownFields::Report, UnknownFields::Spill] {
                // What was spilled may come to have a type that does not take it. A whole number that no double holds
                // is the price of int -> double (MC208), and told as such.
                if fits(&contract, document, policy).is_ok_and(|outcome| !outcome.spilled)
                    && let Err(misfit) = fits(&wider, document, policy)
                {
                    prop_assert_eq!(misfit.rule, "MC605", "{:?}", misfit);
                }
            }
        }
        for document in &misfits {
            match encode(&plan(&wider, UnknownFields::Spill), document) {
                Ok((bytes, _)) => oracle::check(&wider, document, true, &bytes, VALUE_ID),
                Err(misfit) => {
                    let named = evolution.refused.iter().any(|refused| refused.rule == misfit.rule);
                    prop_assert!(named || OF_VALUES.contains(&misfit.rule), "{misfit:?} in {:?}", evolution.refused);
                }
            }
        }
    }

    /// What did not fit for its new fields alone fits without spilling, but for what has no type or was refused.
    #[test]
    fn new_fields_are_taken_or_named(first in wild::document(), then in wild::document()) {
        let first = crate::stage::raw(&first);
        let then = crate::stage::raw(&then);
        let contract = infer_all(std::slice::from_ref(&first)).contract;
        let evolution = evolved(&contract, std::slice::from_ref(&then));
        prop_assert_eq!(evolution.contract.is_some(), !evolution.added.is_empty() || {
            let wider = evolution.contract.as_ref().unwrap_or(&contract);
            wider.excluded != contract.excluded
        });
        let wider = evolution.contract.unwrap_or(contract);
        if evolution.refused.is_empty() {
            let again = evolved(&wider, std::slice::from_ref(&then));
            prop_assert_eq!(again.contract, None, "nothing is left to widen");
            prop_assert!(again.refused.is_empty());
        }
    }
}
