//! A receipt as text: its heading, then one line for each thing it says.
//!
//! A line stays a line whatever the customer wrote: no note can pretend to be another line, nor steer the
//! terminal on which it is read.

use super::content::{HEADING, Line};

/// What stands where the customer began a new line.
const LINE_END: &str = " / ";

/// The whole text.
#[must_use]
pub fn write(lines: &[Line]) -> String {
    let told = lines.iter().map(|line| format!("{}: {}\n", line.label, one_line(&line.value)));
    std::iter::once(format!("{HEADING}\n")).chain(told).collect()
}

/// The value without line ends and controls.
fn one_line(value: &str) -> String {
    let lines: Vec<String> = value.replace("\r\n", "\n").split(ends_line).map(without_controls).collect();
    lines.join(LINE_END)
}

/// True for whatever a reader of text may take for the end of a line.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn without_controls(line: &str) -> String {
    let shown = |character: char| match character {
        '\t' => ' ',
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_never_becomes_another_line() {
        let value = "one\r\nStatus: paid\n\ntwo\u{2028}three\u{85}four\tfive\u{1b}[2J".to_owned();
        let text = write(&[Line { label: "Customer note", value }]);
        assert_eq!(
            text,
            "Driftstack receipt\nCustomer note: one / Status: paid /  / two / three / four five\u{fffd}[2J\n"
        );
    }
}
