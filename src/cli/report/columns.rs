//! Lists of columns, as a command line has them.

/// Columns between commas, of which one in quotes is a part of an attribute's name.
pub(super) fn split(list: &str) -> impl Iterator<Item = String> {
    let mut quote = None;
    let mut escaped = false;
    let is_between = move |character: char| {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            _ => {}
        }
        quote.is_none() && character == ','
    };
    list.split(is_between).map(|column| column.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn commas_in_quotes_are_no_ends() {
        for (list, columns) in [
            ("name", vec!["name"]),
            ("name, country", vec!["name", "country"]),
            ("attributes.\"a, b\",name", vec!["attributes.\"a, b\"", "name"]),
            ("attributes.'a, \"b',name", vec!["attributes.'a, \"b'", "name"]),
            (r#"attributes."a\", b",name"#, vec![r#"attributes."a\", b""#, "name"]),
            ("name,,", vec!["name", "", ""]),
        ] {
            assert_eq!(split(list).collect::<Vec<_>>(), columns, "{list}");
        }
    }
}
