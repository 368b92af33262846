//! Plain line charts of what a long test measured, one below the other.

use std::fs::File;
use std::path::Path;

use plotters::prelude::*;

/// One chart.
pub struct Panel {
    pub title: &'static str,
    pub line: Vec<(f64, f64)>,
}

const FONT: &str = "sans-serif";
const SIZE: (u32, u32) = (900, 260);

/// Draws charts that share what is to the right; upwards, each begins at nought. The file must be new.
pub fn draw(path: &Path, to_the_right: &str, panels: &[Panel]) {
    let known = plotters::style::register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    assert!(known.is_ok(), "the font is one");
    let (width, height) = (SIZE.0, SIZE.1 * panels.len() as u32);
    let mut pixels = vec![0; (width * height * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    area.fill(&WHITE).expect("drawn");
    for (area, panel) in area.split_evenly((panels.len(), 1)).iter().zip(panels) {
        let last = panel.line.last().expect("something was measured").0;
        let most = panel.line.iter().map(|(_, value)| *value).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(panel.title, (FONT, 22))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, 0.0..most * 1.25)
            .expect("a chart");
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(to_the_right)
            .label_style((FONT, 15))
            .y_labels(5)
            .draw()
            .expect("drawn");
        let colour = RGBColor(24, 95, 165);
        chart
            .draw_series(LineSeries::new(panel.line.iter().copied(), colour.stroke_width(3)))
            .expect("drawn");
    }
    area.present().expect("drawn");
    drop(area);

    let mut encoder = png::Encoder::new(File::create_new(path).expect("a new file"), width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("written");
    writer.write_image_data(&pixels).expect("written");
}
