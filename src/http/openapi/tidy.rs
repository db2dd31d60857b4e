//! What linters ask of a document, and the generator cannot say.

use serde_json::{Value, json};

use super::presence::members;

/// Where named shapes lie.
const SHAPES: &str = "/components/schemas";

/// Says of each operation that asks for no key that it asks for none: left out, readers have to guess.
pub fn say_where_no_key_is_asked(document: &mut Value) {
    for operation in members(document.get_mut("paths")).flat_map(|item| members(Some(item))) {
        if let Some(fields) = operation.as_object_mut() {
            fields.entry("security").or_insert_with(|| json!([]));
        }
    }
}

/// Drops the shapes that nothing names. Those that only they named go with them.
pub fn drop_unused_shapes(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(shapes) = document.pointer_mut(SHAPES).and_then(Value::as_object_mut) else { return };
        let before = shapes.len();
        shapes.retain(|name, _| text.contains(&format!("\"#{SHAPES}/{name}\"")));
        if shapes.len() == before {
            return;
        }
    }
}
