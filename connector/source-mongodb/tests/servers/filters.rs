//! What passes a stream's filter: captured names, what becomes or ceases to be one, and nothing else.

use bson::{Document, doc};
use mongodb::Database;
use moorline_pipeline::model::{Change, Op};
use moorline_pipeline::source::{Images, Selection, StartFrom, StreamSpec};

use crate::support::{Checked, documents, literal, source, spec, with_database};

async fn run(database: &Database, command: Document) {
    database.client().database("admin").run_command(command).await.expect("a command");
}

fn told(changes: &[Change]) -> Vec<String> {
    let name = |ns: &Option<moorline_pipeline::model::Namespace>| {
        ns.as_ref().map_or_else(String::new, |ns| ns.coll().to_owned())
    };
    let arrow = |c: &Change| if c.to.is_some() { format!(">{}", name(&c.to)) } else { String::new() };
    changes
        .iter()
        .filter(|c| c.op != Op::Other)
        .map(|c| format!("{:?} {}{}", c.op, name(&c.namespace), arrow(c)))
        .collect()
}

async fn life(database: &Database) {
    let (a, b) = (documents(database, "a"), documents(database, "b"));
    let full = |name: &str| format!("{}.{name}", database.name());
    a.insert_one(doc! { "_id": 1 }).await.expect("an insert");
    b.insert_one(doc! { "_id": 1 }).await.expect("an insert");
    run(database, doc! { "renameCollection": full("a"), "to": full("aside") }).await;
    documents(database, "aside").insert_one(doc! { "_id": 2 }).await.expect("an insert");
    run(database, doc! { "renameCollection": full("b"), "to": full("a") }).await;
    a.update_one(doc! { "_id": 1 }, doc! { "$set": { "x": 1 } }).await.expect("an update");
    documents(database, "aside").aggregate([doc! { "$out": "a" }]).await.expect("an $out");
    a.delete_one(doc! { "_id": 1 }).await.expect("a delete");
    a.drop().await.expect("a drop");
    database.drop().await.expect("a dropped database");
}

/// A single name, at the level of its collection: the cursor ends with each drop and rename, and what is written under the
/// name afterwards comes all the same.
#[tokio::test]
#[ignore = "needs servers"]
async fn the_life_of_a_single_name_passes_from_cursor_to_cursor() {
    with_database(|database| async move {
        let source = source().await;
        documents(&database, "z").insert_one(doc! {}).await.expect("an insert");
        let names = [format!("{}.a", database.name())];
        let mut stream = Checked::open(&source, &spec(literal(&names), 3), &StartFrom::Now).await;
        stream.opening().await;
        life(&database).await;
        let mut seen = told(&stream.until(|c| c.op == Op::Drop).await);
        seen.retain(|told| !told.starts_with("Invalidate"));
        seen.iter_mut().filter(|told| told.starts_with("Rename tmp")).for_each(|t| "Rename TEMP>a".clone_into(t));
        let expected =
            ["Create a", "Insert a", "Rename a>aside", "Rename b>a", "Update a", "Rename TEMP>a", "Delete a"];
        assert_eq!(seen[..expected.len()], expected);
        assert_eq!(seen.last().map(String::as_str), Some("Drop a"));
        documents(&database, "a").insert_one(doc! { "_id": 3 }).await.expect("an insert");
        assert_eq!(stream.until(|c| c.op == Op::Insert).await.last().unwrap().op, Op::Insert);
    })
    .await;
}

/// Two literal names, at database level: the life of a collection, `$out` and renames in and out included.
#[tokio::test]
#[ignore = "needs servers"]
async fn the_life_of_a_captured_name_passes() {
    with_database(|database| async move {
        let source = source().await;
        // The database is there before, so that `NOW` of an empty one is not the matter here.
        documents(&database, "z").insert_one(doc! {}).await.expect("an insert");
        let names = [format!("{}.a", database.name()), format!("{}.never", database.name())];
        let mut stream = Checked::open(&source, &spec(literal(&names), 3), &StartFrom::Now).await;
        stream.opening().await;
        life(&database).await;
        let changes = stream.until(|c| c.op == Op::Invalidate).await;
        let told = told(&changes);
        let expected = [
            "Create a",
            "Insert a",
            "Rename a>aside",
            "Rename b>a",
            "Update a",
            "Rename TEMP>a",
            "Delete a",
            "Drop a",
            "DropDatabase *",
            "Invalidate ",
        ];
        let told: Vec<String> = told
            .into_iter()
            .map(|t| if t.starts_with("Rename tmp") { "Rename TEMP>a".to_owned() } else { t })
            .collect();
        assert_eq!(told, expected);
        // The server closes the cursor then, and the stream goes on in another one; so does one that begins there.
        documents(&database, "a").insert_one(doc! { "_id": 3 }).await.expect("an insert");
        assert_eq!(stream.until(|c| c.op == Op::Insert).await.last().unwrap().op, Op::Insert);
        let token = changes.last().expect("changes").token();
        let mut after = Checked::open(&source, &spec(literal(&names), 3), &StartFrom::Token(token)).await;
        after.opening().await;
        assert_eq!(after.until(|c| c.op == Op::Insert).await.last().unwrap().op, Op::Insert);
    })
    .await;
}

/// Patterns over the whole name, at cluster level, with an exclusion.
#[tokio::test]
#[ignore = "needs servers"]
async fn patterns_and_exclusions_hold_on_the_server() {
    with_database(|database| async move {
        let source = source().await;
        let name = database.name();
        let within = Selection {
            include: vec![format!(r"{name}\.(a|a.*|end)")],
            exclude: vec![format!(r"{name}\.aside")],
            literal: false,
        };
        let whole = Selection {
            include: vec![format!(r"{name}.[a].*|nowhere\.x"), format!("{name}.+end")],
            exclude: vec![format!("{name}.aside|x")],
            literal: false,
        };
        let all_but = Selection { include: Vec::new(), exclude: vec![format!(r"{name}\.(aside|b.*)")], literal: false };
        let mut streams = Vec::new();
        for selection in [within, whole, all_but] {
            let mut stream = Checked::open(&source, &spec(selection, 3), &StartFrom::Now).await;
            stream.opening().await;
            streams.push(stream);
        }
        for coll in ["aside", "b", "bb", "a", "abc", "xa"] {
            documents(&database, coll).insert_one(doc! {}).await.expect("an insert");
        }
        documents(&database, "end").insert_one(doc! {}).await.expect("an insert");
        let is_end = |c: &Change| c.op == Op::Insert && c.namespace.as_ref().is_some_and(|n| n.coll() == "end");
        let expected: [&[&str]; 3] = [&["a", "abc", "end"], &["a", "abc", "end"], &["a", "abc", "xa", "end"]];
        for (mut stream, expected) in streams.into_iter().zip(expected) {
            let changes = stream.until(is_end).await;
            // Other tests write to databases of their own, which only `all but` sees.
            let mine = changes.iter().filter(|c| c.op == Op::Insert).filter_map(|c| c.namespace.clone());
            let mine: Vec<String> = mine.filter(|n| n.db() == name).map(|n| n.coll().to_owned()).collect();
            assert_eq!(mine, expected);
        }
    })
    .await;
}

/// Which document an update brings, and that no delta comes with it.
#[tokio::test]
#[ignore = "needs servers"]
async fn images_come_as_asked_for() {
    with_database(|database| async move {
        let source = source().await;
        database
            .create_collection("a")
            .change_stream_pre_and_post_images(
                mongodb::options::ChangeStreamPreAndPostImages::builder().enabled(true).build(),
            )
            .await
            .expect("a collection");
        let selection = literal(&[format!("{}.a", database.name())]);
        let mut streams = Vec::new();
        for images in [Images::Boundary, Images::Post, Images::Lookup] {
            let spec = StreamSpec { images, ..spec(selection.clone(), 10) };
            let mut stream = Checked::open(&source, &spec, &StartFrom::Now).await;
            stream.opening().await;
            streams.push(stream);
        }
        let a = documents(&database, "a");
        a.insert_one(doc! { "_id": 1, "n": 0 }).await.expect("an insert");
        a.update_one(doc! { "_id": 1 }, doc! { "$inc": { "n": 1 } }).await.expect("an update");
        for (mut stream, has_document) in streams.into_iter().zip([false, true, true]) {
            let changes = stream.until(|c| c.op == Op::Update).await;
            let update = changes.last().expect("changes");
            assert_eq!(update.full_document().map(|d| d.get_i32("n").unwrap()), has_document.then_some(1));
            assert!(update.raw().get("updateDescription").unwrap().is_none());
            assert!(update.uuid.is_some() && update.wall_ms > 0);
        }
    })
    .await;
}

/// An update whose delta and document are over 16 MB together comes, since the delta is taken off by the server; and
/// so does the largest document that the server takes. Only what is left over 16 MB then would be `MOOR-2012`.
#[tokio::test]
#[ignore = "needs servers"]
async fn events_near_16_mb_come() {
    with_database(|database| async move {
        let source = source().await;
        let a = documents(&database, "a");
        a.insert_one(doc! { "_id": 1 }).await.expect("an insert");
        let spec = StreamSpec { images: Images::Lookup, ..spec(literal(&[format!("{}.a", database.name())]), 10) };
        let mut stream = Checked::open(&source, &spec, &StartFrom::Now).await;
        stream.opening().await;
        let set = doc! { "$set": { "text": "x".repeat(10 << 20) } };
        a.update_one(doc! { "_id": 1 }, set).await.expect("an update");
        let update = stream.until(|_| true).await;
        assert!(update[0].full_document().is_some() && update[0].len() > 10 << 20);
        // The rest of the document is 30 bytes.
        let largest = doc! { "_id": 2, "text": "x".repeat((16 << 20) - 30) };
        a.insert_one(largest).await.expect("an insert");
        let insert = stream.until(|_| true).await;
        assert!(insert[0].full_document().is_some_and(|d| d.as_bytes().len() > (16 << 20) - 30));
    })
    .await;
}
