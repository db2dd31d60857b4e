//! The rule of length: how many lines each function has, found by counting braces.

use super::source::{Offence, Source, in_a_name, line_of, occurrences};

/// A function with a body.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where its `fn` stands in the code.
    pub at: usize,
    /// Its lines, from `fn` to the last brace.
    pub lines: usize,
}

/// Every function of a file that has a body, those inside others too.
pub fn of(source: &Source) -> Vec<Function> {
    let code = &source.code;
    occurrences(code, "fn ")
        .filter_map(|at| {
            let name: String = code.get(at + 3..)?.chars().take_while(|character| in_a_name(*character)).collect();
            let end = body_end(code, at)?;
            let lines = line_of(code, end) - line_of(code, at) + 1;
            (!name.is_empty()).then_some(Function { name, at, lines })
        })
        .collect()
}

/// The functions of a file that are too long.
pub fn longer_than(source: &Source, lines_max: usize) -> Vec<Offence> {
    let long = of(source).into_iter().filter(|function| function.lines > lines_max);
    long.map(|function| {
        source.offence(function.at, format!("`{}` has {} lines, at most {lines_max}", function.name, function.lines))
    })
    .collect()
}

/// The length that nine in ten do not exceed; none without lengths.
pub fn p90(sorted: &[usize]) -> Option<usize> {
    sorted.get((sorted.len() * 9).div_ceil(10).checked_sub(1)?).copied()
}

/// Where the body of the function at this place ends; none if it has no body.
fn body_end(code: &str, from: usize) -> Option<usize> {
    let mut braces = 0_usize;
    // An array's `[u8; 4]` in the signature is not the end of a function without a body.
    let mut brackets = 0_usize;
    for (at, character) in code.char_indices().skip_while(|(at, _)| *at < from) {
        match character {
            ';' if braces == 0 && brackets == 0 => return None,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn functions_are_measured_with_all_that_is_inside_them() {
    let text = r#"
fn short() {}
type Pointer = fn (u8) -> u8;
trait T { fn bodiless(&self) -> [u8; 4]; }
fn long<const N: usize>(x: [u8; N])
where
    T: Copy,
{
    let text = "}";
    if x { // }
        inner();
    }
}
"#;
    let source = Source::new("src/x.rs", text);
    let found: Vec<_> = of(&source).into_iter().map(|function| (function.name, function.lines)).collect();
    assert_eq!(found, [("short".to_owned(), 1), ("long".to_owned(), 9)]);
    let offences = longer_than(&source, 8);
    assert_eq!(
        offences.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["src/x.rs:5: `long` has 9 lines, at most 8"]
    );
    assert!(longer_than(&source, 9).is_empty());
}

#[test]
fn the_ninetieth_of_a_hundred_is_the_p90() {
    let lengths: Vec<usize> = (1..=100).collect();
    assert_eq!(p90(&lengths), Some(90));
    assert_eq!(p90(&[7]), Some(7));
    assert_eq!(p90(&[]), None);
}
