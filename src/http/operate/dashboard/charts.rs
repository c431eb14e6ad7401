//! The last five minutes as charts, and in numbers beside them.

use maud::{Markup, html};

use super::samples::{MAX_POINTS, Point, SECONDS_PER_POINT};
use super::snapshot::Snapshot;

// In units of the picture.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 144.0;
const RIGHT: f64 = WIDTH - 6.0;

struct Chart<'s> {
    snapshot: &'s Snapshot,
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    series: Vec<Series>,
}

struct Series {
    name: &'static str,
    /// A class of the style sheet.
    class: &'static str,
    filled: bool,
    /// Drawn only where it is not 0, since its line would lie on that of the axis.
    rare: bool,
    value: fn(&Point) -> Option<f64>,
}

pub fn charts(snapshot: &Snapshot) -> Markup {
    let line = |name, class, value| Series {
        name,
        class,
        filled: false,
        rare: false,
        value,
    };
    let area = |name, class, value| Series {
        filled: true,
        ..line(name, class, value)
    };
    let rare = |name, class, value| Series {
        rare: true,
        ..line(name, class, value)
    };
    let answers = vec![
        area("success", "success", |p| Some(p.answers[0])),
        rare("4xx", "refused", |p| Some(p.answers[1])),
        rare("5xx", "failed", |p| Some(p.answers[2])),
    ];
    let latencies = vec![
        line("p50", "success", |p| p.p50_ms),
        line("p99", "slow", |p| p.p99_ms),
    ];
    let held = vec![area("held", "slow", |p| Some(p.held as f64))];
    let chart = |id, title, unit, series| {
        let chart = Chart {
            snapshot,
            id,
            title,
            unit,
            series,
        };
        chart.draw()
    };
    html! {
        (chart("requests", "Requests", "/s", answers))
        (chart("latency", "Latency", " ms", latencies))
        (chart("held", "Writes held", "", held))
    }
}

impl Chart<'_> {
    fn draw(&self) -> Markup {
        let id = self.id;
        let top = nice(self.highest());
        let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value / top).min(1.0);
        html! {
            figure {
                figcaption { h3 { (self.title) } (self.legend()) }
                svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby={ "chart-" (id) " chart-" (id) "-desc" } {
                    title id={ "chart-" (id) } { (self.title) " of the last five minutes" }
                    desc id={ "chart-" (id) "-desc" } { (self.in_words()) }
                    @for value in [0.0, top / 2.0, top] {
                        line.rule x1=(LEFT) x2=(RIGHT) y1=(y(value)) y2=(y(value)) {}
                        text x=(LEFT - 6.0) y=(y(value) + 4.0) text-anchor="end" { (number(value)) }
                    }
                    @for series in &self.series { (self.line(series, &y)) }
                    @for at in self.failovers() {
                        line.mark x1=(at) x2=(at) y1=(TOP - 6.0) y2=(BOTTOM) {}
                    }
                    text x=(LEFT) y=(BOTTOM + 20.0) { "5 min ago" }
                    text x=(RIGHT) y=(BOTTOM + 20.0) text-anchor="end" { "now" }
                }
            }
        }
    }

    fn line(&self, series: &Series, y: &impl Fn(f64) -> f64) -> Markup {
        let points = &self.snapshot.points;
        let first = MAX_POINTS - points.len().min(MAX_POINTS);
        let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
        for (nth, point) in points.iter().enumerate() {
            match (series.value)(point).filter(|value| *value > 0.0 || !series.rare) {
                Some(value) => {
                    let place = (x(first + nth), y(value));
                    if let Some(run) = runs.iter_mut().next_back() {
                        run.push(place);
                    }
                }
                None => runs.push(Vec::new()),
            }
        }
        let runs = runs.into_iter().filter(|run| !run.is_empty());
        let mut outline = String::new();
        let mut area = String::new();
        for run in runs {
            let steps = run.iter().map(|(x, y)| format!("{x:.0} {y:.1}"));
            let steps = steps.collect::<Vec<_>>().join("L");
            outline.push_str(&format!("M{steps}"));
            if let [(begin, _), .., (end, _)] = run[..] {
                area.push_str(&format!("M{begin:.0} {BOTTOM}L{steps}L{end:.0} {BOTTOM}z"));
            } else {
                // A single point would not be visible without a line.
                outline.push_str("h1");
            }
        }
        html! {
            g.series.(series.class) {
                @if series.filled { path.area d=(area) {} }
                path.line d=(outline) {}
            }
        }
    }

    /// Where failovers are on the axis of time.
    fn failovers(&self) -> Vec<f64> {
        let Some(last) = self.snapshot.points.back() else {
            return Vec::new();
        };
        let step = f64::from(SECONDS_PER_POINT);
        let ago = |failover: &crate::db::status::Failover| {
            let ago = (last.at - failover.at).num_milliseconds().max(0) as f64 / 1e3;
            let place = (MAX_POINTS - 1) as f64 - ago / step;
            (place >= 0.0).then(|| LEFT + (RIGHT - LEFT) * place / (MAX_POINTS - 1) as f64)
        };
        let marks = self.snapshot.failovers.iter().filter_map(ago);
        marks.map(f64::round).collect()
    }

    fn values(&self, series: &Series) -> impl Iterator<Item = f64> {
        let value = series.value;
        self.snapshot.points.iter().filter_map(value)
    }

    fn highest(&self) -> f64 {
        let all = self.series.iter().flat_map(|series| self.values(series));
        all.fold(0.0, f64::max)
    }

    /// What each line shows, and its latest value.
    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for series in &self.series {
                    li {
                        svg.swatch viewBox="0 0 14 10" aria-hidden="true" {
                            g.series.(series.class) { path.line d="M1 5h12" {} }
                        }
                        (series.name) " " b { (self.now(series)) }
                    }
                }
            }
        }
    }

    /// The latest value, or a dash if there is none: without requests there are no durations.
    fn now(&self, series: &Series) -> String {
        let last = self.snapshot.points.back();
        let value = last.and_then(series.value);
        value.map_or("–".into(), |value| {
            format!("{}{}", number(value), self.unit)
        })
    }

    fn in_words(&self) -> String {
        let of = |series: &Series| {
            let highest = self.values(series).fold(0.0, f64::max);
            let (name, unit) = (series.name, self.unit);
            format!(
                "{name}: {} now, {}{unit} at the most.",
                self.now(series),
                number(highest)
            )
        };
        let series: Vec<String> = self.series.iter().map(of).collect();
        series.join(" ")
    }
}

fn x(place: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * place as f64 / (MAX_POINTS - 1) as f64
}

/// Rounds up to the next of 1, 2, 5, 10, 20, 50 …, so that an axis is easy to read and seldom changes.
fn nice(highest: f64) -> f64 {
    let decade = 10_f64.powf(highest.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let fits = steps.into_iter().find(|step| *step >= highest);
    fits.unwrap_or(highest)
}

fn number(value: f64) -> String {
    match value {
        v if v >= 10_000.0 => format!("{:.0}k", v / 1000.0),
        v if v >= 10.0 || v.fract() == 0.0 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_all_values() {
        for (highest, top) in [
            (0.0, 1.0),
            (0.3, 1.0),
            (1.0, 1.0),
            (1.2, 2.0),
            (7.0, 10.0),
            (101.0, 200.0),
            (1e6, 1e6),
        ] {
            assert_eq!(nice(highest), top, "{highest}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let told = [0.0, 0.25, 5.0, 9.96, 12.4, 12_400.0].map(number);
        assert_eq!(told, ["0", "0.2", "5", "10.0", "12", "12k"]);
    }
}
