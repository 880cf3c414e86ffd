//! YAML as far as configurations use it: one document without anchors.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Lists and mappings inside each other.
const MAX_DEPTH: usize = 64;

/// A list or mapping whose end was not seen yet.
enum Open {
    List(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

/// The document's value.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| {
            let reason = e.to_string();
            let line = reason.lines().next().unwrap_or_default();
            format!("its configuration is no YAML ({line})")
        })?;
        let done = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|closed| match closed {
                Open::List(items) => Value::Array(items),
                Open::Mapping(entries, _) => Value::Object(entries),
            }),
            Event::Scalar(text, style, _, _) => Some(scalar(&text, style)),
            // A few of them name more than any memory holds.
            Event::Alias(_) => return Err("its YAML has aliases (*), which are not read".into()),
            _ => None,
        };
        if open.len() > MAX_DEPTH {
            return Err("its YAML is nested too deeply".into());
        }
        let Some(value) = done else {
            continue;
        };
        match open.last_mut() {
            None => root = root.or(Some(value)),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Mapping(entries, key)) => match key.take() {
                Some(key) => {
                    entries.insert(key, value);
                }
                None => {
                    *key = Some(match value {
                        Value::String(text) => text,
                        other => other.to_string(),
                    });
                }
            },
        }
    }
    root.ok_or_else(|| "its configuration is empty".into())
}

/// Plain words are typed as PyYAML does it; quoted ones are texts.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let number = text.parse().ok().filter(|_| numeric);
    number
        .and_then(Number::from_f64)
        .map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_reads_as_its_json() {
        let text = "\
network_def:
  _target_: SwinUNETR
  in_channels: 1
  use_v2: false
  spacing: [1.5, 1.5, 2.0]
# a remark
transforms:
- _target_: Orientationd
  keys: '@image_key'
  axcodes: RAS
- {_target_: \"CropForegroundd\", k: null, a: 1e-3, b: \"5\"}
";
        let expected = json!({
            "network_def": {
                "_target_": "SwinUNETR",
                "in_channels": 1,
                "use_v2": false,
                "spacing": [1.5, 1.5, 2.0],
            },
            "transforms": [
                { "_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS" },
                { "_target_": "CropForegroundd", "k": null, "a": 0.001, "b": "5" },
            ],
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        assert!(parse(bomb).unwrap_err().contains("aliases"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(10_000)).is_err());
        for text in ["", "a: [", "\t- a\n b", "{a: b", "a: b: c"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
