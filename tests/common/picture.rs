//! Line charts of the measurements of a long test, one below the other.
//!
//! Must not know what is measured.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

/// One chart.
pub struct Panel {
    pub title: &'static str,
    pub line: Vec<(f64, f64)>,
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
/// The edges of the plot area within a panel.
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = HEIGHT - 52.0;
const TICKS: u32 = 5;

/// Draws charts with a common x axis; each y axis starts at zero. The file must be new.
pub fn draw(path: &Path, x_name: &str, panels: &[Panel]) {
    let height = HEIGHT * panels.len() as f64;
    let charts: String =
        (0..).zip(panels).map(|(index, panel)| chart(panel, x_name, HEIGHT * f64::from(index))).collect();
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}'>\
         <rect width='{WIDTH}' height='{height}' fill='white'/>{charts}</svg>"
    );
    let mut pixmap = Pixmap::new(WIDTH as u32, height as u32).expect("a size");
    let tree = Tree::from_str(&svg, &options()).expect("valid SVG");
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    let mut file = File::create_new(path).expect("a new file");
    let mut encoder = png::Encoder::new(&mut file, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("written");
    writer.write_image_data(pixmap.data()).expect("written");
    writer.finish().expect("written");
    file.flush().expect("written");
}

fn options() -> Options<'static> {
    let mut fonts = Database::new();
    let font = fonts.load_font_source(Source::Binary(Arc::new(epaint_default_fonts::UBUNTU_LIGHT)))[0];
    let mut options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    options.font_resolver.select_font = Box::new(move |_, _| Some(font));
    options
}

#[expect(clippy::format_collect, reason = "drawn once per test; short code matters more than speed")]
fn chart(panel: &Panel, x_name: &str, offset: f64) -> String {
    let max_x = panel.line.last().expect("at least one measurement").0;
    let max_y = panel.line.iter().map(|(_, value)| *value).fold(1.0, f64::max) * 1.25;
    let x = |value: f64| LEFT + (RIGHT - LEFT) * value / max_x;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / max_y;
    let ticks: String = (0..=TICKS)
        .map(|tick| {
            let share = f64::from(tick) / f64::from(TICKS);
            let (at_x, at_y) = (share * max_x, share * max_y);
            format!(
                "<path d='M{LEFT},{1:.1}H{RIGHT} M{0:.1},{TOP}V{BOTTOM}' stroke='#ddd' fill='none'/>\
                 <text x='{0:.1}' y='{2}' text-anchor='middle'>{3:.0}</text>\
                 <text x='{4}' y='{5:.1}' text-anchor='end'>{6:.0}</text>",
                x(at_x),
                y(at_y),
                BOTTOM + 18.0,
                at_x,
                LEFT - 8.0,
                y(at_y) + 5.0,
                at_y
            )
        })
        .collect();
    let line: String =
        panel.line.iter().map(|&(time, value)| format!("{:.1},{:.1} ", x(time), y(value))).collect();
    let middle = f64::midpoint(LEFT, RIGHT);
    format!(
        "<g transform='translate(0 {offset})' font-size='14'>{ticks}\
         <text x='{middle}' y='28' font-size='20' text-anchor='middle'>{}</text>\
         <text x='{middle}' y='{}' text-anchor='middle'>{x_name}</text>\
         <path d='M{LEFT},{TOP}V{BOTTOM}H{RIGHT}' stroke='black' fill='none'/>\
         <polyline points='{line}' stroke='#185fa5' stroke-width='3' fill='none'/></g>",
        panel.title,
        BOTTOM + 42.0
    )
}
