//! What inference decides beside single types: outliers, names, budgets, depth, exclusions, promises.

use bson::RawDocumentBuf;
use moorline_pipeline::contract::file;
use moorline_pipeline::contract::infer::{Options, infer_with};
use moorline_pipeline::contract::model::{Contract, Field, Limits, Type};
use serde_json::{Value as Json, json};

use crate::stage::{document, elements, infer_all, infer_within, namespace, rules, text, top};

fn names(fields: &[Field]) -> Vec<(&str, &str)> {
    fields.iter().map(|field| (field.name.as_str(), field.bson_name.as_str())).collect()
}

/// `rare` documents with one value and others with another, `all` together.
fn mixed(all: usize, rare: usize, one: &Json, other: &Json) -> Vec<RawDocumentBuf> {
    (0..all).map(|n| document(json!({"_id": n, "v": if n < rare { one } else { other }}))).collect()
}

fn field(contract: &Contract) -> &Field {
    top(contract, "v").expect("decided")
}

#[test]
fn under_one_in_two_hundred_is_an_outlier_and_told() {
    let at = infer_all(&mixed(200, 1, &json!("x"), &json!(1)));
    assert_eq!(field(&at.contract).ty, Type::Any, "0.5 % is no outlier");
    let under = infer_all(&mixed(201, 1, &json!("x"), &json!(1)));
    assert_eq!(field(&under.contract).ty, Type::Long);
    let notes = &under.report.iter().find(|path| path.path == "v").expect("reported").notes;
    assert!(notes.iter().any(|note| note.rule == "MC602" && note.text.contains("1 of 201")), "{notes:?}");
    // Nulls are no values.
    let mut with_nulls = mixed(200, 1, &json!("x"), &json!(1));
    with_nulls.extend((0..500).map(|n| document(json!({"_id": n, "v": null}))));
    assert_eq!(field(&infer_all(&with_nulls).contract).ty, Type::Any);
    // What widens is no conflict, however rare.
    assert_eq!(field(&infer_all(&mixed(1000, 1, &json!(0.5), &json!(1))).contract).ty, Type::Double);
    assert_eq!(field(&infer_all(&mixed(1000, 1, &json!({"a": 1}), &json!("x"))).contract).ty, Type::String);
}

#[test]
fn whole_numbers_that_no_double_holds_are_told() {
    let wide = json!({"$numberLong": "9007199254740993"});
    let inferred = infer_all(&mixed(2, 1, &wide, &json!(0.5)));
    assert!(rules(&inferred).contains(&"MC605"), "{:?}", inferred.report);
    assert_eq!(field(&infer_all(&mixed(2, 1, &wide, &json!(1))).contract).ty, Type::Long);
}

#[test]
fn dates_and_texts_that_will_drift_are_told() {
    let far = json!({"$date": {"$numberLong": "253402300800000"}});
    let inferred = infer_all(&mixed(2, 1, &far, &json!({"$date": {"$numberLong": "0"}})));
    assert_eq!(field(&inferred.contract).ty, Type::Timestamp);
    assert!(rules(&inferred).contains(&"MC608"));
    let broken = elements(&[(b"_id", 0x10, &[1, 0, 0, 0]), (b"v", 2, &text(b"\xff"))]);
    let inferred = infer_all(&[broken, document(json!({"_id": 2, "v": "x"}))]);
    assert_eq!(field(&inferred.contract).ty, Type::String);
    assert!(rules(&inferred).contains(&"MC607"));
}

#[test]
fn names_that_collide_are_given_apart() {
    let inferred = infer_all(&[document(json!({
        "_id": 1, "a.b": 1, "a_b": 2, "a-b": 3, "a_b_2": 4, "": 5, "_": 6, "1st": 7, "größe": 8, "-id": 9,
        "__op": 10, "__spill": 11, "__x": 12, "n": {"$id": 1, "id": 2}
    }))]);
    let expected = [
        ("a_b", "a.b"),
        ("a_b_2", "a_b"),
        ("a_b_3", "a-b"),
        ("a_b_2_2", "a_b_2"),
        ("_", ""),
        ("__2", "_"),
        ("_1st", "1st"),
        ("gr__e", "größe"),
        ("_id_2", "-id"),
        ("__op_2", "__op"),
        ("__spill_2", "__spill"),
        ("__x", "__x"),
        ("n", "n"),
    ];
    assert_eq!(names(&inferred.contract.fields), expected);
    let Type::Record(nested) = &top(&inferred.contract, "n").expect("decided").ty else { panic!("no record") };
    assert_eq!(names(&nested.fields), [("id", "$id"), ("id_2", "id")]);
    assert_eq!(file::parse(&file::write(&inferred.contract), &namespace()), Ok(inferred.contract));
}

#[test]
fn metadata_is_kept_clear_of_under_its_own_prefix() {
    let sample = document(json!({"_id": 1, "__op": 1, "m_op": 2}));
    let options = Options { metadata_prefix: "m_".into(), ..Options::default() };
    let inferred =
        infer_with(&namespace(), [sample.as_ref()].into_iter(), &Limits::default(), &options).expect("a document");
    assert_eq!(names(&inferred.contract.fields), [("__op", "__op"), ("m_op_2", "m_op")]);
}

#[test]
fn records_have_names_of_their_own() {
    let inferred = infer_all(&[document(
        json!({"_id": 1, "a": {"b_c": {"x": 1}}, "a_b": {"c": {"x": 1}}, "a-b": {"c": {"x": 1}}}),
    )]);
    let text = file::write(&inferred.contract);
    assert_eq!(file::parse(&text, &namespace()), Ok(inferred.contract));
    for name in ["orders_a", "orders_a_b_c", "orders_a_b", "orders_a_b_c_2", "orders_a_b_2", "orders_a_b_2_c"] {
        assert_eq!(text.matches(&format!("\"name\": \"{name}\"")).count(), 1, "{name} in {text}");
    }
}

#[test]
fn the_budget_folds_the_least_frequent_subtree_and_tells() {
    let sample = [
        document(json!({"_id": 1, "x": 1, "rare": {"a": 1, "b": 1}, "often": {"c": 1, "d": 1}})),
        document(json!({"_id": 2, "x": 1, "often": {"c": 1, "d": 1}})),
    ];
    let within = |max_fields| infer_within(&sample, &Limits { max_fields, ..Limits::default() });
    assert!(within(5).report.iter().all(|path| path.notes.is_empty()), "as many as are allowed");
    let folded = within(4);
    assert_eq!(top(&folded.contract, "rare").expect("folded").ty, Type::Any);
    assert!(matches!(top(&folded.contract, "often").expect("kept").ty, Type::Record(_)));
    let noted: Vec<&str> = folded
        .report
        .iter()
        .filter(|path| path.notes.iter().any(|note| note.rule == "MC614"))
        .map(|path| path.path.as_str())
        .collect();
    assert_eq!(noted, ["rare"]);
    // Where folding is not enough, the least frequent field is left out.
    let left = within(2);
    assert_eq!(names(&left.contract.fields), [("x", "x"), ("often", "often")]);
    assert_eq!(top(&left.contract, "often").expect("kept").ty, Type::Any);
    assert!(left.undecided.contains(&"rare".to_owned()));
}

fn nested(levels: usize) -> Json {
    (0..levels).fold(json!(1), |inner, level| json!({format!("l{level}"): inner}))
}

#[test]
fn what_lies_too_deep_is_any() {
    let at = |max_depth, levels| {
        infer_within(&[document(json!({"_id": 1, "v": nested(levels)}))], &Limits { max_depth, ..Limits::default() })
    };
    assert!(rules(&at(3, 2)).is_empty(), "three levels with the field itself");
    let deep = at(3, 3);
    assert!(rules(&deep).contains(&"MC507"), "{:?}", deep.report);
    let mut ty = &field(&deep.contract).ty;
    let mut levels = 1;
    while let Type::Record(record) = ty {
        (ty, levels) = (&record.fields[0].ty, levels + 1);
    }
    assert_eq!((ty, levels), (&Type::Any, 3));
    assert!(rules(&at(12, 11)).is_empty() && rules(&at(12, 12)).contains(&"MC507"), "the default is twelve");
}

#[test]
fn a_shape_that_repeats_in_itself_ends_in_any() {
    let comment = |replies: Json| json!({"text": "x", "replies": replies});
    let deep = (0..6).fold(json!([]), |inner, _| json!([comment(inner)]));
    let inferred = infer_all(&[document(json!({"_id": 1, "v": deep}))]);
    assert!(rules(&inferred).contains(&"MC507"), "{:?}", inferred.report);
    let text = file::write(&inferred.contract);
    assert!(text.matches("\"record\"").count() <= 4, "{text}");
}

#[test]
fn what_libraries_write_for_themselves_is_left_out() {
    let inferred = infer_all(&[document(json!({"_id": 1, "__v": 0, "__safeContent__": [], "a": {"__v": 1}}))]);
    assert_eq!(inferred.contract.excluded, ["__v", "__safeContent__"]);
    assert_eq!(names(&inferred.contract.fields), [("a", "a")]);
    let chosen = |path: &str| inferred.report.iter().find(|other| other.path == path).expect("reported").chosen.clone();
    assert_eq!((chosen("__v").as_str(), chosen("a.__v").as_str()), ("excluded", "long"));
    // A field of that name that is no version is data.
    let data = infer_all(&[document(json!({"_id": 1, "__v": "x"}))]);
    assert_eq!(names(&data.contract.fields), [("__v", "__v")]);
}

#[test]
fn promises_are_made_only_where_a_person_looks() {
    let sample = [
        document(json!({"_id": 1, "a": 1, "b": 1, "c": {"d": 1}})),
        document(json!({"_id": 2, "a": 2, "b": null, "c": {"d": 2}})),
    ];
    let references = || sample.iter().map(RawDocumentBuf::as_ref);
    let options = Options { mark_required: true, ..Options::default() };
    let looked_at = infer_with(&namespace(), references(), &Limits::default(), &options).expect("documents");
    let required = |name: &str| top(&looked_at.contract, name).expect("decided").required;
    assert_eq!((required("a"), required("b"), required("c")), (true, false, true));
    assert!(infer_all(&sample).contract.fields.iter().all(|field| !field.required));
}

#[test]
fn a_name_that_stands_twice_in_one_document_is_one_document_with_it() {
    let twice = elements(&[(b"_id", 0x10, &[1, 0, 0, 0]), (b"a", 0x10, &[1, 0, 0, 0]), (b"a", 0x10, &[2, 0, 0, 0])]);
    let sample = [twice, document(json!({"_id": 2}))];
    let options = Options { mark_required: true, ..Options::default() };
    let inferred = infer_with(&namespace(), sample.iter().map(RawDocumentBuf::as_ref), &Limits::default(), &options);
    let inferred = inferred.expect("documents");
    assert!(!top(&inferred.contract, "a").expect("decided").required, "the second document has no a");
    assert_eq!(inferred.report.iter().find(|path| path.path == "a").expect("reported").missing, 1);
}

#[test]
fn the_report_says_what_the_contract_has() {
    let inferred = infer_all(&[document(json!({"_id": 1, "place": {"type": "Point", "coordinates": [1.5, 2.5]}}))]);
    let chosen: Vec<(&str, &str)> =
        inferred.report.iter().map(|path| (path.path.as_str(), path.chosen.as_str())).collect();
    assert_eq!(chosen, [("place", "record"), ("place.type", "string"), ("place.coordinates", "any")]);
}

#[test]
fn fields_stand_by_first_appearance_and_nothing_comes_of_nothing() {
    let sample = [document(json!({"b": 1, "_id": 1, "z": null})), document(json!({"a": 1, "_id": 2, "b": 2, "z": 3}))];
    assert_eq!(names(&infer_all(&sample).contract.fields), [("b", "b"), ("z", "z"), ("a", "a")]);
    let none = moorline_pipeline::contract::infer::infer(&namespace(), [].into_iter(), &Limits::default());
    assert_eq!(none, None);
}
