//! A bundle's configuration: values, references between them, and components.

use serde_json::{Map, Value};

use super::{literal, short, yaml};

/// References that may lead to each other before it is taken for a circle.
const MAX_REFERENCES: usize = 32;

/// A configuration file.
#[derive(Debug)]
pub(super) struct Config {
    root: Value,
}

/// Something to be built: the class of `_target_` and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Component {
    /// The class without its package and without the `d` of dictionary transforms'
    /// longer names (`Dict`, `D`).
    pub(super) name: String,
    arguments: Map<String, Value>,
}

impl Config {
    /// From a file's text, YAML or JSON.
    pub(super) fn parse(text: &str, is_yaml: bool) -> Result<Self, String> {
        let root = if is_yaml {
            yaml::parse(text)?
        } else {
            serde_json::from_str(text).map_err(|e| format!("its configuration is damaged: {e}"))?
        };
        Ok(Self { root })
    }

    /// The value at an id such as `inferer` or `preprocessing::transforms::1`.
    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        let id = id.replace('#', "::");
        id.split("::")
            .try_fold(&self.root, |value, part| match value {
                Value::Object(map) => map.get(part),
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            })
    }

    /// A value with its reference followed (`@id`, `$@id`, `%id`) or its simple
    /// expression read (`$[1, 2, 3]`). What lies inside the value is left as it is.
    ///
    /// Errors: another expression, a reference to nothing or in a circle.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        self.follow(value, 0)
    }

    pub(super) fn follow(&self, value: &Value, depth: usize) -> Result<Value, String> {
        let Value::String(text) = value else {
            return Ok(value.clone());
        };
        let reference = text
            .strip_prefix("$@")
            .or_else(|| text.strip_prefix('@'))
            .or_else(|| text.strip_prefix('%'))
            .filter(|id| is_id(id));
        if let Some(id) = reference {
            if depth >= MAX_REFERENCES {
                return Err(format!("the reference {text:?} leads in a circle"));
            }
            let target = self
                .get(id)
                .ok_or_else(|| format!("the reference {text:?} leads nowhere"))?;
            return self.follow(target, depth + 1);
        }
        match text.strip_prefix('$') {
            Some(expression) => literal::parse(expression, &|id| {
                let target = self.get(id)?;
                // Lists of lists by reference would grow without end.
                let value = self.follow(target, depth + 1).ok()?;
                (!value.is_array() && !value.is_object()).then_some(value)
            })
            .filter(|_| depth < MAX_REFERENCES)
            .ok_or_else(|| format!("the expression {} is not understood", short(value))),
            None => Ok(value.clone()),
        }
    }

    /// A value as a component, if it is one.
    pub(super) fn component(&self, value: &Value) -> Option<Component> {
        let value = self.resolve(value).ok()?;
        let map = value.as_object()?;
        let target = map.get("_target_")?.as_str()?;
        let name = target.rsplit('.').next().unwrap_or(target);
        Some(Component {
            name: name.to_owned(),
            arguments: map.clone(),
        })
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '#' | '-'))
}

impl Component {
    /// The class without the `d`, `D` or `Dict` of transforms on dictionaries.
    pub(super) fn transform_name(&self) -> &str {
        ["Dict", "d", "D"]
            .iter()
            .find_map(|suffix| self.name.strip_suffix(suffix))
            .filter(|name| name.chars().count() > 3)
            .unwrap_or(&self.name)
    }

    /// An argument, followed; `None` if it is absent or null.
    pub(super) fn value(&self, config: &Config, name: &str) -> Result<Option<Value>, String> {
        match self.arguments.get(name) {
            None => Ok(None),
            Some(value) => Ok(Some(config.resolve(value)?).filter(|v| !v.is_null())),
        }
    }

    /// The argument of the first key alone where it is a list with one for each key.
    fn single(&self, config: &Config, name: &str) -> Result<Option<Value>, String> {
        match self.value(config, name)? {
            Some(Value::Array(items)) => match items.first() {
                Some(first) => Ok(Some(config.resolve(first)?)),
                None => Ok(None),
            },
            other => Ok(other),
        }
    }

    pub(super) fn number(&self, config: &Config, name: &str) -> Result<Option<f64>, String> {
        self.single(config, name)?
            .map(|value| value.as_f64().ok_or_else(|| self.wrong(name, &value)))
            .transpose()
    }

    pub(super) fn switch(&self, config: &Config, name: &str) -> Result<Option<bool>, String> {
        self.single(config, name)?
            .map(|value| value.as_bool().ok_or_else(|| self.wrong(name, &value)))
            .transpose()
    }

    pub(super) fn text(&self, config: &Config, name: &str) -> Result<Option<String>, String> {
        self.single(config, name)?
            .map(|value| {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| self.wrong(name, &value))
            })
            .transpose()
    }

    /// So many numbers; one number alone stands for each of them.
    pub(super) fn numbers(
        &self,
        config: &Config,
        name: &str,
        count: usize,
    ) -> Result<Option<Vec<f64>>, String> {
        let Some(value) = self.value(config, name)? else {
            return Ok(None);
        };
        let numbers: Option<Vec<f64>> = match &value {
            Value::Array(items) => items
                .iter()
                .map(|item| config.resolve(item).ok()?.as_f64())
                .collect(),
            other => other.as_f64().map(|number| vec![number; count]),
        };
        numbers
            .filter(|numbers| numbers.len() == count)
            .map(Some)
            .ok_or_else(|| self.wrong(name, &value))
    }

    /// The keys a dictionary transform works on; none if it does not say.
    pub(super) fn keys(&self, config: &Config) -> Result<Vec<String>, String> {
        Ok(match self.value(config, "keys")? {
            Some(Value::String(key)) => vec![key],
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|item| Some(config.resolve(item).ok()?.as_str()?.to_owned()))
                .collect(),
            _ => Vec::new(),
        })
    }

    fn wrong(&self, name: &str, value: &Value) -> String {
        format!("{} has the {name} {}", self.name, short(value))
    }
}
