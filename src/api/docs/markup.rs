//! HTML under construction, and the few marks of Markdown that descriptions use.

use std::fmt::{self, Display, Formatter};

/// HTML that is safe to put on the page: it grows by escaped text and by literals of this program alone.
#[derive(Clone, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Plain text.
    pub(super) fn of_text(text: &str) -> Self {
        let mut markup = Self::default();
        markup.text(text);
        markup
    }

    /// A path template with its variables marked and a chance to break the line before each slash.
    pub(super) fn of_path(path: &str) -> Self {
        let mut markup = Self::default();
        for (index, part) in path.split('/').enumerate() {
            markup.html(if index > 0 { "<wbr>/" } else { "" });
            if part.starts_with('{') {
                markup.html("<var>").text(part).html("</var>");
            } else {
                markup.text(part);
            }
        }
        markup
    }

    /// Descriptions: paragraphs, lists, fenced code, `code`, **bold** and links within this site.
    pub(super) fn of_markdown(source: &str) -> Self {
        let mut markup = Self::default();
        let mut lines = source.lines().map(str::trim_end).peekable();
        while let Some(line) = lines.next() {
            if let Some(fence) = fence(line) {
                let code: Vec<_> =
                    lines.by_ref().take_while(|line| !line.trim_start().starts_with(fence)).collect();
                markup.html("<pre><code>").text(&code.join("\n")).html("</code></pre>");
            } else if let Some((ordered, item)) = item(line) {
                let mut items = vec![item.to_owned()];
                while let Some(line) = lines.next_if(|line| continues_list(line)) {
                    match (self::item(line), items.last_mut()) {
                        (None, Some(last)) => *last = format!("{last} {}", line.trim_start()),
                        (other, _) => items.push(other.map(|(_, item)| item.to_owned()).unwrap_or_default()),
                    }
                }
                markup.list(ordered, &items);
            } else if !line.is_empty() {
                let mut paragraph = line.trim_start().to_owned();
                while let Some(line) =
                    lines.next_if(|next| !line.starts_with('#') && continues_paragraph(next))
                {
                    paragraph = format!("{paragraph} {}", line.trim_start());
                }
                markup.paragraph(&paragraph);
            }
        }
        markup
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds HTML that stands in this program.
    pub(super) fn html(&mut self, html: &'static str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// Adds text, escaped for content and for quoted attribute values.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Adds what is already safe.
    pub(super) fn push(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    fn list(&mut self, ordered: bool, items: &[String]) {
        self.html(if ordered { "<ol>" } else { "<ul>" });
        for item in items {
            self.html("<li>");
            self.inline(item);
            self.html("</li>");
        }
        self.html(if ordered { "</ol>" } else { "</ul>" });
    }

    /// A paragraph; a heading becomes a bold one, for the page has its own order of headings.
    fn paragraph(&mut self, paragraph: &str) {
        let title = paragraph.trim_start_matches('#');
        self.html("<p>");
        if title.len() < paragraph.len() && title.starts_with(' ') {
            self.html("<strong>").inline(title.trim_start());
            self.html("</strong>");
        } else {
            self.inline(paragraph);
        }
        self.html("</p>");
    }

    fn inline(&mut self, mut rest: &str) {
        while let Some(mark) = rest.find(['`', '*', '[', '\\']) {
            let (plain, marked) = rest.split_at(mark);
            self.text(plain);
            rest = self.span(marked);
        }
        self.text(rest);
    }

    /// Writes the construct `marked` begins with, or its first character where it is none, and gives the rest.
    fn span<'a>(&mut self, marked: &'a str) -> &'a str {
        if let Some((code, rest)) = enclosed(marked, "``", "``").or_else(|| enclosed(marked, "`", "`")) {
            self.html("<code>").text(code).html("</code>");
            return rest;
        }
        if let Some((bold, rest)) = enclosed(marked, "**", "**") {
            self.html("<strong>").inline(bold);
            self.html("</strong>");
            return rest;
        }
        if let Some((label, rest)) = enclosed(marked, "[", "]")
            && let Some((target, rest)) = enclosed(rest, "(", ")")
        {
            self.link(label, target);
            return rest;
        }
        let literal =
            marked.strip_prefix('\\').filter(|after| after.starts_with(|c: char| c.is_ascii_punctuation()));
        let mut characters = literal.unwrap_or(marked).chars();
        self.text(characters.next().map(String::from).unwrap_or_default().as_str());
        characters.as_str()
    }

    /// A link within this site; of other targets only the address is shown, for the page leads nowhere else.
    fn link(&mut self, label: &str, target: &str) {
        let path = target.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\']));
        if path || target.starts_with('#') {
            self.html("<a href=\"").text(target).html("\">").inline(label);
            self.html("</a>");
        } else {
            self.inline(label);
            self.text(" (").text(target).text(")");
        }
    }
}

impl Display for Markup {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|fence| line.trim_start().starts_with(fence))
}

/// Whether the list item is a numbered one, and its text.
fn item(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    if let Some(text) = ["- ", "* ", "+ "].into_iter().find_map(|bullet| line.strip_prefix(bullet)) {
        return Some((false, text.trim_start()));
    }
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let text = line[digits..].strip_prefix(". ").filter(|_| (1..=9).contains(&digits))?;
    Some((true, text.trim_start()))
}

fn continues_list(line: &str) -> bool {
    item(line).is_some() || (line.starts_with(' ') && fence(line).is_none())
}

fn continues_paragraph(line: &str) -> bool {
    !line.is_empty() && fence(line).is_none() && item(line).is_none() && !line.starts_with('#')
}

fn enclosed<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close).filter(|(inner, _)| !inner.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(source: &str) -> String {
        Markup::of_markdown(source).to_string()
    }

    #[test]
    fn blocks() {
        assert_eq!(html("One\ntwo\n\nthree"), "<p>One two</p><p>three</p>");
        assert_eq!(
            html("Of:\n- a\n- b\n  more\n\nend"),
            "<p>Of:</p><ul><li>a</li><li>b more</li></ul><p>end</p>"
        );
        assert_eq!(html("1. a\n2. b"), "<ol><li>a</li><li>b</li></ol>");
        assert_eq!(
            html("```json\n{\"a\": 1}\n\n```\nend"),
            "<pre><code>{&quot;a&quot;: 1}\n</code></pre><p>end</p>"
        );
        assert_eq!(html("## Title\ntext"), "<p><strong>Title</strong></p><p>text</p>");
    }

    #[test]
    fn spans() {
        assert_eq!(
            html("a `b*c*` **d `e`**"),
            "<p>a <code>b*c*</code> <strong>d <code>e</code></strong></p>"
        );
        assert_eq!(html("2 * 3 \\* 4 ` 5 [x"), "<p>2 * 3 * 4 ` 5 [x</p>");
        assert_eq!(html("[spec](/openapi.json)"), "<p><a href=\"/openapi.json\">spec</a></p>");
    }

    #[test]
    fn nothing_hostile_passes() {
        assert_eq!(html("<img src=x onerror=alert(1)>"), "<p>&lt;img src=x onerror=alert(1)&gt;</p>");
        for target in ["javascript:alert(1)", "//evil.example", "/\\evil.example", "https://evil.example"] {
            assert!(!html(&format!("[x]({target})")).contains("href"), "{target}");
        }
        assert!(html("[x](#\"onclick=1)").contains("href=\"#&quot;onclick=1\""));
    }
}
