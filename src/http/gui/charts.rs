//! Charts of counts: bars, one above another, drawn as SVG on the server.
//!
//! A chart is never alone: the same counts stand below it as a table, and its series are named in a fixed order.
//! What is drawn has attributes only and no colours of its own: each colour is a placeholder that `style.css`
//! replaces, in light and in dark. Only our own words and days are drawn, nothing that somebody has sent.

use charts_rs::BarChart;
use serde_json::{Value, json};

use crate::http::error::ApiError;

use super::figures::grouped;

/// The size of the drawing; the page stretches it to the room that there is.
const WIDTH: u16 = 420;
const HEIGHT: u16 = 190;
/// Room above the bars for the number that stands on the highest.
const TOP: u16 = 14;
/// Room beside the numbers of the lines, which the crate takes for narrower than browsers draw them.
const LEFT: u16 = 10;
/// How many lines there are above the ground line.
const LINES: i64 = 4;
/// Colours that stand for those of `style.css`.
const TEXT: &str = "#000011";
const LINE: &str = "#000012";
/// What the crate paints behind everything; the page has a ground already.
const GROUND: &str = "fill=\"#FFFFFF\"";

/// What a series is coloured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    /// What waits.
    Quiet,
    /// What moves, and everything that has no word of its own.
    Accent,
    /// What lacks something.
    Warn,
    /// What went well.
    Good,
    /// What went wrong.
    Bad,
    /// What was ended on purpose.
    Ink,
}

impl Tint {
    /// The placeholder in the drawing.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Quiet => "#000001",
            Self::Accent => "#000002",
            Self::Warn => "#000003",
            Self::Good => "#000004",
            Self::Bad => "#000005",
            Self::Ink => "#000006",
        }
    }
}

/// One kind of thing that is counted.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it is called.
    pub name: &'static str,
    /// What it is coloured with.
    pub tint: Tint,
    /// A count for each bar.
    pub counts: Vec<i64>,
}

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name on the page, which no other chart has.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What each bar is, as the table says it, under this head.
    pub head: &'static str,
    /// One for each bar.
    pub labels: Vec<String>,
    /// The lowest part of each bar first.
    pub series: Vec<Series>,
}

/// A chart with the same counts as text.
pub struct Chart {
    /// What was to be drawn.
    pub plan: Plan,
    /// It, in words.
    pub says: String,
    drawn: String,
}

impl Chart {
    /// Draws.
    ///
    /// # Errors
    /// 500 if the crate refuses.
    pub fn new(plan: Plan) -> Result<Self, ApiError> {
        let broken = |error: charts_rs::Error| ApiError::Broken(error.to_string().into());
        let svg =
            BarChart::from_json(&instructions(&plan).to_string()).and_then(|chart| chart.svg()).map_err(broken)?;
        let says = said(&plan);
        Ok(Self { drawn: trimmed(&svg), says, plan })
    }

    /// The drawing, without the element around it. Made of our own words by the crate, which escapes them.
    #[must_use]
    pub fn drawn(&self) -> &str {
        &self.drawn
    }

    /// The room that it is drawn in.
    #[must_use]
    pub fn view(&self) -> String {
        format!("0 0 {WIDTH} {HEIGHT}")
    }

    /// The rows of the table: what the bar is, and its counts.
    pub fn rows(&self) -> impl Iterator<Item = (&String, Vec<String>)> {
        let count = |series: &Series, bar| series.counts.get(bar).copied().map(grouped).unwrap_or_default();
        let counts = move |bar| self.plan.series.iter().map(|series| count(series, bar)).collect();
        self.plan.labels.iter().enumerate().map(move |(bar, label)| (label, counts(bar)))
    }
}

/// The counts of a plan together, bar by bar.
fn heights(plan: &Plan) -> Vec<i64> {
    let sum = |bar| plan.series.iter().fold(0_i64, |sum, series| sum.saturating_add(count(series, bar)));
    (0..plan.labels.len()).map(sum).collect()
}

fn count(series: &Series, bar: usize) -> i64 {
    series.counts.get(bar).copied().unwrap_or_default()
}

/// The plan in the words of the crate.
fn instructions(plan: &Plan) -> Value {
    let highest = heights(plan).into_iter().max().unwrap_or_default();
    let alone = plan.series.len() == 1;
    let series = plan.series.iter().map(|series| {
        let counts: Vec<i64> = (0..plan.labels.len()).map(|bar| count(series, bar)).collect();
        json!({ "name": series.name, "data": counts, "stack": "all", "label_show": alone })
    });
    json!({
        "width": WIDTH, "height": HEIGHT, "margin": { "left": LEFT, "top": TOP, "right": 4, "bottom": 0 },
        "font_family": "sans-serif", "legend_show": false,
        "series_list": series.collect::<Vec<_>>(),
        "series_colors": plan.series.iter().map(|series| series.tint.placeholder()).collect::<Vec<_>>(),
        "series_label_font_color": TEXT, "series_label_font_size": 12,
        "x_axis_data": plan.labels.iter().map(|label| tick(label)).collect::<Vec<_>>(),
        "x_axis_font_size": 12, "x_axis_font_color": TEXT, "x_axis_stroke_color": LINE,
        "x_axis_label_overflow": "thin",
        "y_axis_configs": [{
            "axis_min": 0, "axis_max": step(highest).saturating_mul(LINES), "axis_split_number": LINES,
            "axis_font_size": 12, "axis_font_color": TEXT, "axis_stroke_color": LINE,
        }],
        "grid_stroke_color": LINE,
    })
}

/// What stands below a bar: of a day, month and day.
fn tick(label: &str) -> &str {
    label.strip_prefix("20").and_then(|day| day.get(3..)).unwrap_or(label)
}

/// From one line to the next: a round number, so that the highest bar ends below the highest line.
fn step(highest: i64) -> i64 {
    let least = highest.max(1).saturating_add(LINES - 1) / LINES;
    let mut unit = 1_i64;
    loop {
        if let Some(step) = [1, 2, 5].into_iter().map(|times| unit.saturating_mul(times)).find(|step| *step >= least) {
            return step;
        }
        unit = unit.saturating_mul(10);
    }
}

/// The drawing in few words: without its outer element, the ground, bars of nothing, and what is for scripts.
fn trimmed(svg: &str) -> String {
    let inner = svg.split_once('>').map_or("", |(_, inner)| inner).trim_end();
    let inner = inner.strip_suffix("</svg>").unwrap_or(inner);
    let is_nothing =
        |line: &str| line.starts_with("<rect") && (line.contains(GROUND) || line.contains(" height=\"0\""));
    let mut drawn = String::with_capacity(inner.len());
    for line in inner.lines().filter(|line| !is_nothing(line)) {
        match line.split_once(" data-series=").filter(|_| line.starts_with("<rect")) {
            Some((bar, _)) => {
                drawn.push_str(bar);
                drawn.push_str("/>");
            }
            None => drawn.push_str(line),
        }
    }
    drawn
}

/// What somebody would say who looks at it.
fn said(plan: &Plan) -> String {
    let heights = heights(plan);
    let highest = heights.iter().zip(&plan.labels).max_by_key(|(height, _)| **height);
    match highest {
        Some((height, label)) if *height > 0 => {
            let all = heights.iter().fold(0_i64, |sum, height| sum.saturating_add(*height));
            format!("A bar chart. {} in all; the highest bar is {label}, with {}.", grouped(all), grouped(*height))
        }
        _ => "A bar chart without bars: there is nothing to count.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(series: &[&[i64]]) -> Plan {
        let tints = [Tint::Quiet, Tint::Good, Tint::Bad];
        let series = series.iter().zip(tints);
        let named = |(counts, tint): (&&[i64], Tint)| Series { name: "some", tint, counts: counts.to_vec() };
        Plan {
            id: "days",
            title: "Days".to_owned(),
            head: "Day",
            labels: ["2026-05-11", "2026-05-12", "2026-05-13"].map(str::to_owned).to_vec(),
            series: series.map(named).collect(),
        }
    }

    fn bars(chart: &Chart, tint: Tint) -> Vec<String> {
        let bars = chart.drawn().split('<').filter(|element| element.starts_with("rect "));
        bars.filter(|bar| bar.contains(tint.placeholder())).map(str::to_owned).collect()
    }

    fn height(bar: &str) -> u32 {
        let tenths = bar.split_once(" height=\"").and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
        let (whole, rest) = tenths.split_once('.').unwrap_or((tenths, "0"));
        whole.parse::<u32>().unwrap() * 10 + rest.parse::<u32>().unwrap()
    }

    #[test]
    fn a_bar_is_as_high_as_its_count() {
        let chart = Chart::new(plan(&[&[1, 2, 0], &[3, 0, 4]])).unwrap();
        let waiting: Vec<u32> = bars(&chart, Tint::Quiet).iter().map(|bar| height(bar)).collect();
        let [one, two] = waiting[..] else { panic!("{waiting:?}") };
        assert!(two.abs_diff(2 * one) <= 2, "{waiting:?}");
        let paid: Vec<u32> = bars(&chart, Tint::Good).iter().map(|bar| height(bar)).collect();
        let [three, four] = paid[..] else { panic!("{paid:?}") };
        assert!(three.abs_diff(3 * one) <= 3 && four.abs_diff(4 * one) <= 4, "{paid:?}");
        assert_eq!(chart.says, "A bar chart. 10 in all; the highest bar is 2026-05-13, with 4.");
    }

    #[test]
    fn of_nothing_there_are_lines_and_no_bars() {
        let chart = Chart::new(plan(&[&[0, 0, 0]])).unwrap();
        assert_eq!(bars(&chart, Tint::Quiet), Vec::<String>::new());
        assert!(chart.drawn().contains("<line") && chart.drawn().contains(">05-12<"), "{}", chart.drawn());
        assert_eq!(chart.says, "A bar chart without bars: there is nothing to count.");
        let none = Plan { labels: Vec::new(), series: Vec::new(), ..plan(&[]) };
        assert!(Chart::new(none).is_ok());
    }

    #[test]
    fn one_giant_count_leaves_the_others_their_numbers() {
        let chart = Chart::new(plan(&[&[i64::MAX, 1, 0], &[i64::MAX, 0, 2]])).unwrap();
        assert!(height(&bars(&chart, Tint::Quiet)[0]) > 10);
        let rows: Vec<_> = chart.rows().map(|(label, counts)| format!("{label} {}", counts.join(" "))).collect();
        assert_eq!(rows[1..], ["2026-05-12 1 0", "2026-05-13 0 2"]);
        assert!(rows[0].contains("9\u{202f}223\u{202f}372\u{202f}036\u{202f}854\u{202f}775\u{202f}807"), "{rows:?}");
    }

    #[test]
    fn lines_stand_at_round_numbers_above_every_bar() {
        for (highest, expected) in
            [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (1_000_000, 500_000)]
        {
            assert_eq!(step(highest), expected, "{highest}");
        }
        assert!(step(i64::MAX) >= i64::MAX / LINES);
    }

    #[test]
    fn a_drawing_has_attributes_only_and_no_colour_of_its_own() {
        let chart = Chart::new(plan(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]])).unwrap();
        for word in ["style", "<script", "class=", " on", "data-", "href", "<svg", "</svg"] {
            assert!(!chart.drawn().contains(word), "{word}: {}", chart.drawn());
        }
        let mut colours: Vec<&str> = chart.drawn().split("=\"#").skip(1).filter_map(|rest| rest.get(..6)).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours, ["000001", "000004", "000005", "000011", "000012"]);
    }

    #[test]
    fn ninety_days_stay_small() {
        let labels: Vec<String> = (0..90).map(|day| format!("2026-05-{day:02}")).collect();
        let series = Series { name: "some", tint: Tint::Good, counts: (0..90).collect() };
        let series = vec![series; 6];
        let chart = Chart::new(Plan { labels, series, ..plan(&[]) }).unwrap();
        assert!(chart.drawn().len() < 45_000, "{}", chart.drawn().len());
    }
}
