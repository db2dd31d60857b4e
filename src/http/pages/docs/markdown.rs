//! Markdown as a part of a page: CommonMark with tables, and nothing else.
//!
//! Our own files are its only input, but nothing of them can become markup that is not meant: HTML in them is shown
//! as text, and a link that leads nowhere stays text. Headings get the names that GitHub gives them, so that links
//! to them hold in both places. What may be wider than a screen is a region that the keyboard can scroll.

use std::collections::BTreeSet;
use std::fmt;

use askama::filters::HtmlSafe;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::prose::Verbatim;

/// A file as a page shows it.
pub struct Rendered {
    /// Its text.
    pub text: Html,
    /// Its parts, in order.
    pub contents: Vec<Part>,
}

/// Markup that this file has made, everything in it escaped.
pub struct Html(String);

impl HtmlSafe for Html {}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a page, with the parts in it.
pub struct Part {
    /// The name by which it is linked to.
    pub id: String,
    /// Its heading.
    pub name: String,
    /// The parts in it.
    pub inner: Vec<Part>,
}

/// Renders a file; `resolve` says where its links lead.
#[must_use]
pub fn render(markdown: &str, resolve: fn(&str) -> Option<String>) -> Rendered {
    let mut writer = HtmlWriter::new(resolve);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.event(event);
    }
    Rendered { text: Html(writer.html), contents: writer.contents }
}

/// Names that the frame of a page has taken.
const TAKEN: &str = "main";

struct HtmlWriter {
    html: String,
    resolve: fn(&str) -> Option<String>,
    contents: Vec<Part>,
    ids: BTreeSet<String>,
    /// Where the heading that is being written began, and its plain text so far.
    heading: Option<Heading>,
    /// The newest heading.
    under: String,
    /// How many regions there are; each has another name.
    regions: usize,
    /// What closes each link that is open: nothing where it leads nowhere.
    links: Vec<&'static str>,
    cell: &'static str,
}

struct Heading {
    begins_at: usize,
    text: String,
}

impl HtmlWriter {
    fn new(resolve: fn(&str) -> Option<String>) -> Self {
        Self {
            html: String::new(),
            resolve,
            contents: Vec::new(),
            ids: BTreeSet::from([TAKEN.to_owned()]),
            heading: None,
            under: String::new(),
            regions: 0,
            links: Vec::new(),
            cell: "td",
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Code(code) => {
                self.put("<code>");
                self.say(&code);
                self.put("</code>");
            }
            Event::SoftBreak => self.say("\n"),
            Event::HardBreak => self.put("<br>"),
            Event::Rule => self.put("<hr>\n"),
            // HTML is text like any other; the rest is switched off, and would be too.
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.say(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.heading = Some(Heading { begins_at: self.html.len(), text: String::new() });
            }
            Tag::CodeBlock(kind) => self.open_code(&kind),
            Tag::Table(_) => {
                let region = self.region("Table");
                self.put(&format!("<div class=\"scroll\"{region}>\n<table>\n"));
            }
            Tag::TableHead => {
                self.cell = "th scope=\"col\"";
                self.put("<thead>\n<tr>");
            }
            Tag::TableRow => self.put("<tr>"),
            Tag::TableCell => self.put(&format!("<{}>", self.cell)),
            Tag::List(Some(first)) if first != 1 => self.put(&format!("<ol start=\"{first}\">\n")),
            Tag::Link { dest_url, .. } => {
                let address = (self.resolve)(&dest_url);
                let opening = address.as_ref().map(|address| format!("<a href=\"{}\">", attribute(address)));
                self.put(opening.as_deref().unwrap_or_default());
                self.links.push(if opening.is_some() { "</a>" } else { "" });
            }
            other => self.put(plain(&other.to_end()).opening),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.close_heading(level),
            TagEnd::TableHead => {
                self.cell = "td";
                self.put("</tr>\n</thead>\n<tbody>\n");
            }
            TagEnd::TableCell => self.put(if self.cell == "td" { "</td>" } else { "</th>" }),
            TagEnd::Link => {
                let closing = self.links.pop().unwrap_or_default();
                self.put(closing);
            }
            other => self.put(plain(&other).closing),
        }
    }

    /// Commands are broken into lines that fit, as they are pasted whole; all other code keeps its lines.
    fn open_code(&mut self, kind: &CodeBlockKind<'_>) {
        let language = match kind {
            CodeBlockKind::Fenced(language) => language.as_ref(),
            CodeBlockKind::Indented => "",
        };
        if matches!(language, "" | "bash" | "sh") {
            return self.put("<pre><code>");
        }
        let region = self.region("Code");
        self.put(&format!("<pre class=\"scroll\"{region}><code>"));
    }

    /// What makes an element one that can be scrolled by keys, under a name that no other has.
    fn region(&mut self, what: &str) -> String {
        self.regions = self.regions.saturating_add(1);
        let name = attribute(&format!("{what} {}: {}", self.regions, self.under));
        format!(" role=\"group\" tabindex=\"0\" aria-label=\"{name}\"")
    }

    fn close_heading(&mut self, level: HeadingLevel) {
        let Some(Heading { begins_at, text }) = self.heading.take() else { return };
        let id = self.fresh_id(&text);
        self.html.insert_str(begins_at, &format!("<{level} id=\"{id}\">"));
        self.put(&format!("</{level}>\n"));
        let part = Part { id, name: text.clone(), inner: Vec::new() };
        match (level, self.contents.last_mut()) {
            (HeadingLevel::H1, _) => {}
            (HeadingLevel::H2, _) | (_, None) => self.contents.push(part),
            (_, Some(outer)) => outer.inner.push(part),
        }
        self.under = text;
    }

    /// The name that GitHub gives a heading; of equal ones the second gets `-1`.
    fn fresh_id(&mut self, heading: &str) -> String {
        let lower = heading.to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug = kept.collect::<String>().replace(' ', "-");
        let mut id = slug.clone();
        let mut times: u32 = 0;
        while !self.ids.insert(id.clone()) {
            times = times.saturating_add(1);
            id = format!("{slug}-{times}");
        }
        id
    }

    fn say(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading {
            heading.text.push_str(text);
        }
        let text = Verbatim(text.to_owned()).to_string();
        self.put(&text);
    }

    fn put(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

/// The markup of an element that needs no thought.
struct Plain {
    opening: &'static str,
    closing: &'static str,
}

#[rustfmt::skip]
fn plain(tag: &TagEnd) -> Plain {
    let (opening, closing) = match tag {
        TagEnd::Paragraph | TagEnd::HtmlBlock => ("<p>", "</p>\n"),
        TagEnd::BlockQuote(_) => ("<blockquote>\n", "</blockquote>\n"),
        TagEnd::CodeBlock => ("<pre><code>", "</code></pre>\n"),
        TagEnd::List(true) => ("<ol>\n", "</ol>\n"),
        TagEnd::List(false) => ("<ul>\n", "</ul>\n"),
        TagEnd::Item => ("<li>", "</li>\n"),
        TagEnd::Emphasis => ("<em>", "</em>"),
        TagEnd::Strong => ("<strong>", "</strong>"),
        TagEnd::TableRow => ("<tr>", "</tr>\n"),
        TagEnd::Table => ("", "</tbody>\n</table>\n</div>\n"),
        // Of an image, what it shows is left; all else is handled above, or switched off.
        _ => ("", ""),
    };
    Plain { opening, closing }
}

/// Text between double quotes.
fn attribute(text: &str) -> String {
    Verbatim(text.to_owned()).to_string().replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::docs::library::resolve;

    fn html(markdown: &str) -> String {
        render(markdown, resolve).text.to_string()
    }

    #[test]
    fn html_is_shown_and_never_passed_through() {
        assert_eq!(html("a <b onclick=\"x\">c</b>"), "<p>a &lt;b onclick=\"x\"&gt;c&lt;/b&gt;</p>\n");
        assert_eq!(html("<script>\nx()\n</script>"), "<p>&lt;script&gt;\nx()\n&lt;/script&gt;</p>\n");
        assert_eq!(html("`<i>` &amp; \\<"), "<p><code>&lt;i&gt;</code> &amp; &lt;</p>\n");
    }

    #[test]
    fn a_link_that_leads_nowhere_stays_text() {
        assert_eq!(
            html("[a](webhooks.md#start) [`b`](../README.md) [c](javascript:x) <http://d>"),
            "<p><a href=\"/docs/webhooks-crypto-events#start\">a</a> <code>b</code> c http://d</p>\n"
        );
        assert_eq!(html("[a](https://b/?c=\"&d)"), "<p><a href=\"https://b/?c=&quot;&amp;d\">a</a></p>\n");
        assert_eq!(html("![what it shows](https://elsewhere/x.png)"), "<p>what it shows</p>\n");
    }

    #[test]
    fn headings_are_named_as_github_names_them() {
        let rendered =
            render("# T\n## Why `did` it fail?\n### A_b-c: d\n## Why did it fail\n## Main\n## Größe", resolve);
        let ids = |parts: &[Part]| parts.iter().map(|part| part.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&rendered.contents), ["why-did-it-fail", "why-did-it-fail-1", "main-1", "größe"]);
        assert_eq!(ids(&rendered.contents[0].inner), ["a_b-c-d"]);
        assert_eq!(rendered.contents[0].name, "Why did it fail?");
        assert!(rendered.text.to_string().starts_with("<h1 id=\"t\">T</h1>\n<h2 id=\"why-did-it-fail\">Why <code>did"));
    }

    #[test]
    fn tables_and_code_can_be_scrolled_by_keys_under_names_of_their_own() {
        let both = html("## Both\"\n| a |\n|---|\n| 1 |\n\n```json\n{}\n```\n\n```bash\nls\n```");
        let expected = "<h2 id=\"both\">Both\"</h2>\n\
            <div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Table 1: Both&quot;\">\n<table>\n\
            <thead>\n<tr><th scope=\"col\">a</th></tr>\n</thead>\n<tbody>\n<tr><td>1</td></tr>\n</tbody>\n</table>\n</div>\n\
            <pre class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Code 2: Both&quot;\"><code>{}\n</code></pre>\n\
            <pre><code>ls\n</code></pre>\n";
        assert_eq!(both, expected);
    }

    #[test]
    fn lists_and_words_keep_their_meaning() {
        assert_eq!(
            html("1. **a**\n\n   b\n2. *c*"),
            "<ol>\n<li><p><strong>a</strong></p>\n<p>b</p>\n</li>\n<li><p><em>c</em></p>\n</li>\n</ol>\n"
        );
        assert_eq!(html("3. x"), "<ol start=\"3\">\n<li>x</li>\n</ol>\n");
        assert_eq!(
            html("- x  \n  y\n\n> z\n\n---"),
            "<ul>\n<li>x<br>y</li>\n</ul>\n<blockquote>\n<p>z</p>\n</blockquote>\n<hr>\n"
        );
    }
}
