//! As much of long texts as an order's page can carry: the API has them whole.
//!
//! What others send decides how long their texts are, so that each list has an allowance: for each text, and for
//! all of its texts together. It is counted as the page is: an escaped character weighs what its escape weighs.

/// What a list may still show of its texts.
pub struct Allowance {
    each: usize,
    left: usize,
}

/// The beginning of a text, or all of it.
pub struct Excerpt {
    pub text: String,
    pub is_cut: bool,
}

impl Allowance {
    /// For the raw bodies of IPNs.
    pub const BODIES: Self = Self { each: 4096, left: 16_384 };
    /// For what merchants' servers answered, and for what operators wrote.
    pub const ANSWERS: Self = Self { each: 1024, left: 6144 };

    /// The beginning of a text, as far as the allowance goes.
    pub fn excerpt(&mut self, text: &str) -> Excerpt {
        let room = self.each.min(self.left);
        let mut used = 0_usize;
        let fits = |character: &char| {
            let with_it = used.saturating_add(weight(*character));
            let fits = with_it <= room;
            used = if fits { with_it } else { used };
            fits
        };
        let beginning: String = text.chars().take_while(fits).collect();
        self.left = self.left.saturating_sub(used);
        Excerpt { is_cut: beginning.len() < text.len(), text: beginning }
    }
}

/// The bytes that a character takes on the page.
fn weight(character: char) -> usize {
    match character {
        '<' | '>' | '&' | '"' | '\'' => 5,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_if_it_does_not_fit() {
        let cut = |each, text| {
            let Excerpt { text, is_cut } = Allowance { each, left: 100 }.excerpt(text);
            (text, is_cut)
        };
        assert_eq!(cut(4, "f\u{fc}r"), ("f\u{fc}r".to_owned(), false));
        assert_eq!(cut(3, "f\u{fc}r"), ("f\u{fc}".to_owned(), true));
        assert_eq!(cut(2, "f\u{fc}r"), ("f".to_owned(), true));
        assert_eq!(cut(10, "<\"x"), ("<\"".to_owned(), true));
        assert_eq!(cut(0, ""), (String::new(), false));
    }

    #[test]
    fn all_texts_of_a_list_share_what_there_is() {
        let mut left = Allowance { each: 4, left: 6 };
        let mut cut = |text| left.excerpt(text).text;
        assert_eq!([cut("abcdef"), cut("abcdef"), cut("abcdef")], ["abcd", "ab", ""]);
    }
}
