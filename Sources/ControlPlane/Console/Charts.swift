internal import Wire

/// Drawings of figures, as SVG with whole coordinates; the figures themselves stand beside them or in their description.
enum Charts {
    /// A line over days, oldest first, with its last day marked.
    static func spark(_ values: [Int], _ label: String) -> HTML {
        let (width, height) = (112, 28), top = max(values.max() ?? 0, 1)
        guard values.count > 1, values.contains(where: { $0 > 0 }) else { return "<span class=\"soft\" aria-label=\"\(label)\">–</span>" }
        let points = values.enumerated().map { ($0.offset * (width - 6) / (values.count - 1) + 3, height - 4 - $0.element * (height - 8) / top) }
        let line = points.map { "\($0.0),\($0.1)" }.joined(separator: " ")
        let last = points[points.count - 1]
        return """
            <svg class="spark" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" role="img" aria-label="\(label)">\
            <polygon class="area" points="3,\(height - 2) \(line) \(width - 3),\(height - 2)"/><polyline points="\(line)"/><circle cx="\(last.0)" cy="\(last.1)" r="2.5"/></svg>
            """
    }

    /// One part of a stack, named by its class.
    struct Series: Sendable {
        var name: String
        var kind: String
        var values: [Int]
    }

    /// Bars of days, the parts one on another, with a scale and every seventh day named.
    static func bars(_ title: String, _ days: [String], _ series: [Series]) -> HTML {
        let (width, height, left, right, bottom) = (720, 180, 44, 12, 22)
        let totals = days.indices.map { day in series.reduce(0) { $0 + $1.values[day] } }
        let top = scale(totals.max() ?? 0), plot = height - bottom - 8, step = (width - left - right) / max(days.count, 1), thick = max(3, step - 4)
        var marks: HTML = ""
        for part in 0 ... 4 where top * part % 4 == 0 {
            let y = 8 + plot - plot * part / 4
            marks += "<path class=\"grid\" d=\"M\(left) \(y)H\(width - right)\"/><text class=\"axis\" x=\"\(left - 8)\" y=\"\(y + 4)\" text-anchor=\"end\">\(Prose.count(top * part / 4))</text>"
        }
        for (n, day) in days.enumerated() {
            var y = 8 + plot
            let x = left + n * step + 2
            for part in series where part.values[n] > 0 {
                let tall = max(2, part.values[n] * plot / top)
                y -= tall
                marks += "<rect class=\"\(part.kind)\" x=\"\(x)\" y=\"\(y)\" width=\"\(thick)\" height=\"\(tall)\"><title>\(Prose.day(day)): \(Prose.count(part.values[n])) \(part.name)</title></rect>"
            }
            // The last one ends with its bar: in the middle it would stand out of the drawing.
            let isLast = n == days.count - 1
            if (days.count - 1 - n) % 7 == 0 {
                marks += "<text class=\"axis\" x=\"\(isLast ? x + thick : x + thick / 2)\" y=\"\(height - 4)\" text-anchor=\"\(isLast ? "end" : "middle")\">\(Prose.day(day))</text>"
            }
        }
        let sums = series.map { "\(Prose.count($0.values.reduce(0, +))) \($0.name)" }.joined(separator: ", ")
        let keys: [HTML] = series.map { "<li><span class=\"swatch \($0.kind)\"></span>\(Prose.title($0.name))</li>" }
        return """
            <figure class="chart"><figcaption><span>\(title)</span><ul class="keys">\(keys)</ul></figcaption>\
            <svg viewBox="0 0 \(width) \(height)" role="img" aria-label="\(title): \(sums) in \(days.count) days">\(marks)</svg></figure>
            """
    }

    /// The next round figure that fits, divisible by four where it can be.
    static func scale(_ most: Int) -> Int {
        var unit = 4
        while true {
            for factor in [1, 2, 3, 5] where unit * factor >= most { return unit * factor }
            unit *= 10
        }
    }

    /// How much of a limit is used.
    static func meter(_ permille: Int, _ label: String) -> HTML {
        let kind: HTML = permille >= 900 ? "bad" : permille >= 700 ? "warn" : "good"
        return """
            <svg class="meter \(kind)" viewBox="0 0 100 8" width="72" height="8" role="img" aria-label="\(label)"><rect class="rail" width="100" height="8" rx="4"/>\
            <rect class="fill" width="\(max(permille > 0 ? 3 : 0, permille / 10))" height="8" rx="4"/></svg>
            """
    }
}
