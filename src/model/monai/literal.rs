//! Python literals in a configuration's expressions: numbers, texts, lists.
//!
//! Anything that would have to be computed is not read.

use serde_json::{Number, Value};

/// Lists inside lists.
const MAX_DEPTH: usize = 16;

/// An expression that is a literal; `reference` gives the value of an `@id` in it.
pub(super) fn parse(text: &str, reference: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    let mut reader = Reader {
        rest: text.trim(),
        reference,
    };
    let value = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    reference: &'a dyn Fn(&str) -> Option<Value>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' if depth < MAX_DEPTH => self.list(']', depth),
            '(' if depth < MAX_DEPTH => self.list(')', depth),
            quote @ ('"' | '\'') => {
                let (text, rest) = self.rest.get(1..)?.split_once(quote)?;
                self.rest = rest;
                (!text.contains('\\')).then(|| Value::String(text.to_owned()))
            }
            '@' => {
                self.rest = self.rest.get(1..)?;
                let id = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '#'));
                (self.reference)(id)
            }
            _ => {
                let word = self.word(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'));
                match word {
                    "None" => Some(Value::Null),
                    "True" => Some(Value::Bool(true)),
                    "False" => Some(Value::Bool(false)),
                    _ => word
                        .parse::<i64>()
                        .map(Value::from)
                        .ok()
                        .or_else(|| Some(Value::Number(Number::from_f64(word.parse().ok()?)?))),
                }
            }
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Option<Value> {
        let bracketed = end == ')';
        self.rest = self.rest.get(1..)?;
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                // One value in parentheses is no tuple.
                return if bracketed && items.len() == 1 && !comma {
                    items.pop()
                } else {
                    Some(Value::Array(items))
                };
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value(depth + 1)?);
            self.rest = self.rest.trim_start();
            comma = self.rest.starts_with(',');
            self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
        }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(text: &str) -> Option<Value> {
        parse(text, &|id| (id == "size").then(|| json!(96)))
    }

    #[test]
    fn literals_are_read_and_programs_are_not() {
        for (text, value) in [
            ("96", json!(96)),
            ("-175.5", json!(-175.5)),
            ("1e-3", json!(0.001)),
            ("(1.5, 1.5, 2.0)", json!([1.5, 1.5, 2.0])),
            ("[96, 96,96,]", json!([96, 96, 96])),
            ("[@size, @size, 64]", json!([96, 96, 64])),
            ("(@size)", json!(96)),
            ("(1,)", json!([1])),
            ("'RAS'", json!("RAS")),
            ("True", json!(true)),
            ("[[1], []]", json!([[1], []])),
            ("None", json!(null)),
        ] {
            assert_eq!(parsed(text), Some(value), "{text}");
        }
        for text in [
            "",
            "96 * 2",
            "[96] * 3",
            "torch.device('cpu')",
            "@other",
            "[1 2]",
            "[1, 2",
            "'a' 'b'",
            "'é",
            "__import__('os')",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parsed(&"[".repeat(10_000)), None);
    }
}
