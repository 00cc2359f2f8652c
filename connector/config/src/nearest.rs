//! "Did you mean": the known name that is nearest to one that is not.

/// The nearest of the names, if it is near enough to be a slip of the fingers.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names than any key, from a file that is something else, are not worth comparing.
    if name.len() > 200 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&name, &known.to_ascii_lowercase());
    let limit = (name.chars().count() / 4).max(1);
    known.map(|known| (distance(known), known)).filter(|(far, _)| *far <= limit).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["collection.include.list", "collection.exclude.list", "name"];
        let near = |name| nearest(name, known.into_iter());
        assert_eq!(near("colection.include.list"), Some("collection.include.list"));
        assert_eq!(near("Collection.Include.List"), Some("collection.include.list"));
        assert_eq!(near("nmae"), Some("name"));
        assert_eq!(near("database.server"), None);
    }
}
